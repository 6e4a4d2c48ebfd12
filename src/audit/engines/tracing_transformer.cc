#include "audit/engines/tracing_transformer.h"

#include <algorithm>

namespace isobatch::audit {

void TracingTransformer::forward(const model::Step& step, const model::KvMemory& kv,
                                 const model::Execution& execution, float* logits) const {
  model::Execution observed = execution;
  if (recorder_.start(step)) observed.observer = &recorder_;
  transformer_.forward(step, kv, observed, logits);
}

bool RequestRecorder::start(const model::Step& step) {
  watched_ = watch(step);
  return watched_.has_value();
}

std::optional<RequestRecorder::Watched> RequestRecorder::watch(const model::Step& step) {
  for (const model::Segment& segment : step.segments) {
    const std::int32_t first_page = segment.pages[0];
    if (std::ranges::find(first_pages_, first_page) == first_pages_.end()) first_pages_.push_back(first_page);
    if (static_cast<std::size_t>(index_) >= first_pages_.size() || first_page != first_pages_[index_])
      continue;
    const int end = segment.first_position + segment.rows;
    Watched watched{.first_row = segment.first_row,
                    .rows = segment.rows,
                    .number = std::max(0, end - prompt_length_),
                    .logits_row = {}};
    const int last_row = segment.first_row + segment.rows - 1;
    const auto found = std::ranges::find(step.logits_rows, last_row);
    if (found != step.logits_rows.end())
      watched.logits_row = static_cast<int>(found - step.logits_rows.begin());
    // Without the cache all that came before is computed again, perhaps in chunks.
    if (watched.number != next_ || watched.number >= steps_) return std::nullopt;
    if (watched.number > 0 && !watched.logits_row) return std::nullopt;
    if (watched.number > 0) watched.first_row = last_row, watched.rows = 1;
    if (watched.logits_row) ++next_;
    return watched;
  }
  return std::nullopt;
}

// The auditor's name for an operation of the model; none where it has no name.
std::optional<std::pair<Op, int>> RequestRecorder::name(std::string_view operation, int layer) {
  if (operation == "residual add") {
    if (layer == 0 && !attended_) return std::nullopt;  // nothing is added yet
    if (attended_ && layer >= 0) return std::pair(Op::attention_residual, layer);
    return std::pair(Op::ffn_residual, (layer < 0 ? layers_ : layer) - 1);
  }
  if (operation == "norm") {
    if (layer < 0) return std::pair(Op::final_norm, -1);
    return std::pair(attended_ ? Op::ffn_norm : Op::attention_norm, layer);
  }
  if (operation == "attention") attended_ = true;
  if (operation == "down") attended_ = false;
  constexpr std::pair<std::string_view, Op> kNames[] = {{"embedding", Op::embedding},
                                                        {"q", Op::q},
                                                        {"k", Op::k},
                                                        {"v", Op::v},
                                                        {"rope of q", Op::q_rope},
                                                        {"rope of k", Op::k_rope},
                                                        {"attention", Op::attention},
                                                        {"o", Op::attention_output},
                                                        {"gate", Op::gate},
                                                        {"up", Op::up},
                                                        {"down", Op::down},
                                                        {"activation of gate · up", Op::activation},
                                                        {"head", Op::logits}};
  for (const auto& [known, op] : kNames) {
    if (known == operation) return std::pair(op, layer);
  }
  return std::nullopt;
}

void RequestRecorder::see(std::string_view operation, int layer, const float* results, int /*rows*/,
                          int width) {
  const bool behind_layers = layer < 0 && operation != "embedding";
  const auto named = name(operation, layer);
  if (!named || (behind_layers && !watched_->logits_row)) return;
  const int row = behind_layers ? *watched_->logits_row : watched_->first_row;
  add(named->first, named->second, results + static_cast<std::ptrdiff_t>(row) * width,
      behind_layers ? 1 : watched_->rows, width);
}

void RequestRecorder::add(Op op, int layer, const float* values, int rows, int width) {
  const auto [place, is_new] = places_.try_emplace({watched_->number, layer, op}, trace_.ops.size());
  if (is_new) {
    trace_.ops.push_back(
        {.op = op, .layer = layer, .step = watched_->number, .tokens = 0, .width = width, .values = {}});
  }
  TracedOp& traced = trace_.ops[place->second];
  traced.tokens += rows;
  traced.values.insert(traced.values.end(), values, values + static_cast<std::ptrdiff_t>(rows) * width);
}

}  // namespace isobatch::audit
