#include "engine/engine_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/memory.h"
#include "engine/model_parts.h"
#include "engine/semantics.h"
#include "isobatch/error.h"

namespace isobatch {
namespace {

// Bounds that keep arithmetic in range and catch mistyped options.
constexpr int kMaxThreads = 1024;
constexpr int kMaxBatch = 1 << 16;
constexpr int kMaxStepRows = 1 << 20;
constexpr int kMaxPageSize = 1 << 16;
constexpr int kMaxSpeculate = 1 << 10;

// Scoring a prompt wants the logits of each row; no more of them at once than a full decode step has, or
// these.
constexpr int kScoredRows = 64;

void require_range(const char* name, int value, int low, int high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("engine: {} must be from {} to {}, but is {}", name, low, high, value));
}

const Tuning& validated(const Tuning& tuning) {
  require_range("threads", tuning.threads, 0, kMaxThreads);
  require_range("max_batch", tuning.max_batch, 1, kMaxBatch);
  require_range("max_step_rows", tuning.max_step_rows, 1, kMaxStepRows);
  require_range("page_size", tuning.page_size, kernels::kKeyBlock, kMaxPageSize);
  require_range("speculate", tuning.speculate, 0, kMaxSpeculate);
  if (tuning.page_size % kernels::kKeyBlock != 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("engine: page_size must be a multiple of {}, but is {}", kernels::kKeyBlock,
                            tuning.page_size));
  }
  return tuning;
}

// As many pages as `kv_bytes` holds (by default a quarter of the memory), but not more than can be used.
int count_pages(const Tuning& tuning, int context, std::size_t page_bytes) {
  const std::size_t bytes = tuning.kv_bytes != 0 ? tuning.kv_bytes : memory_limit() / 4;
  if (bytes < page_bytes) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("KV pool: a page of {} positions needs {} bytes, but the pool may have {}",
                            tuning.page_size, page_bytes, bytes));
  }
  const std::size_t pages_per_request = (context + tuning.page_size - 1) / tuning.page_size;
  const std::size_t useful = pages_per_request * tuning.max_batch;
  constexpr std::size_t kMost = std::numeric_limits<kv::PageIndex>::max();
  return static_cast<int>(std::min({bytes / page_bytes, useful, kMost}));
}

const model::Transformer& transformer_of(const Model& model, const engine::EngineHooks& hooks) {
  return hooks.transformer ? *hooks.transformer : *model.parts().transformer;
}

kernels::KvLayout kv_layout_of(const Model& model, const Tuning& tuning, const engine::EngineHooks& hooks) {
  return transformer_of(model, hooks).kv_layout(model.semantics().kv_dtype.value(), tuning.page_size);
}

engine::KvManager make_kv_manager(const Model& model, const Tuning& tuning,
                                  const engine::EngineHooks& hooks) {
  const kernels::KvLayout layout = kv_layout_of(model, tuning, hooks);
  std::optional<std::uint64_t> salt;
  if (tuning.prefix_cache && tuning.kv_cache) salt = engine::prefix_salt(model.semantics());
  const int pages = count_pages(tuning, model.semantics().context, layout.page_bytes());
  return engine::KvManager(layout, pages, salt, hooks);
}

std::string describe(const model::Overflow& overflow, int position) {
  const std::string where = overflow.layer < 0 ? std::string() : fmt::format("layer {}: ", overflow.layer);
  return fmt::format("{}{}, at position {}", where, overflow.operation, position);
}

// Whether the sequence holds just what the choice was made after. Behind the first drafted token that the
// sampler has not chosen, and behind the end, no choice counts.
bool counts(const engine::ChosenToken& chosen, const engine::EngineHooks& hooks) {
  const engine::Sequence& s = *chosen.sequence;
  return !s.finished() && chosen.position == s.length() - 1 &&
         (chosen.after == s.tokens.back() || hooks.accept_any_draft);
}

}  // namespace

Engine::Impl::Impl(std::shared_ptr<const Model> model, const Tuning& tuning, engine::EngineHooks hooks)
    : model_(std::move(model)),
      tuning_(validated(tuning)),
      hooks_(std::move(hooks)),
      transformer_(transformer_of(*model_, hooks_)),
      kernels_(hooks_.kernels != nullptr ? hooks_.kernels : kernels::choose_table(tuning.kernels).table),
      limits_{tuning.max_batch, tuning.max_step_rows,
              std::max(kScoredRows, tuning.max_batch * (1 + tuning.speculate)), tuning.page_size},
      threads_(tuning.threads > 0 ? tuning.threads : available_cpus()),
      kv_(make_kv_manager(*model_, tuning_, hooks_)),
      runner_(transformer_, {kv_.pool().base(), kv_layout_of(*model_, tuning_, hooks_)}, *kernels_, threads_,
              model_->parts().tokenizer->spec().end_tokens, hooks_),
      constraints_(*model_->parts().tokenizer) {
  stats_.kv_pages = kv_.pool().pages();
}

std::unique_ptr<Engine> Engine::Impl::make_engine(std::unique_ptr<Impl> impl) {
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Engine::RequestId Engine::Impl::submit(Request request, OnText on_text) {
  auto sequence =
      std::make_unique<Sequence>(next_id_, std::move(request), std::move(on_text), *model_->parts().tokenizer,
                                 transformer_.info().vocab_size, model_->semantics().context);
  const int needed = kv_.pages_for(sequence->max_positions());
  if (needed > kv_.pool().pages()) {
    const std::size_t page_bytes = kv_.pool().page_bytes();
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "request: {} prompt tokens and {} new ones need {} bytes of KV pages, but the pool has {}",
            sequence->prompt_length(), sequence->max_new, needed * page_bytes,
            kv_.pool().pages() * page_bytes));
  }
  const Constraint& constraint = sequence->request.constraint;
  if (!constraint.none()) sequence->constrained.emplace(constraints_.find(constraint));
  waiting_.push_back(std::move(sequence));
  return next_id_++;
}

bool Engine::Impl::step() {
  deliver();  // what a throwing callback has left
  if (!float_environment_is_default()) {
    throw Error(ErrorCode::invalid_argument,
                "engine: the calling thread rounds otherwise than to nearest or flushes denormals");
  }
  if (broken_) throw Error(ErrorCode::out_of_memory, "engine: an earlier step ran out of memory half-way");
  const auto start = std::chrono::steady_clock::now();
  const engine::Plan plan = schedule(state(), limits_);
  if (plan.segments.empty()) return false;
  apply(plan);
  std::vector<engine::SequenceRows> batch;
  for (const engine::PlannedSegment& segment : plan.segments) {
    Sequence& sequence = *running_[segment.sequence];
    kv_.grow(sequence, sequence.computed + segment.rows);
    batch.push_back({&sequence, segment.rows});
  }
  const std::span<const engine::ChosenToken> chosen = runner_.run(batch);
  broken_ = true;
  commit(plan, batch, chosen);
  broken_ = false;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  (plan.decode ? stats_.decode_seconds : stats_.prefill_seconds) += seconds.count();
  deliver();
  return true;
}

engine::SchedulerState Engine::Impl::state() const {
  engine::SchedulerState state;
  state.available_pages = kv_.pool().available();
  for (const auto& s : running_) {
    state.running.push_back({.length = s->computable(),
                             .computed = s->computed,
                             .pages = static_cast<int>(s->pages.size()),
                             .releasable_pages = kv_.releasable(*s),
                             .decoding = s->decoding,
                             .scoring = s->scoring(),
                             .unscored = std::max(0, s->scored - s->computed),
                             .drafted = static_cast<int>(s->draft.size()),
                             .last_step = s->last_step});
  }
  const Sequence* before = running_.empty() ? nullptr : running_.back().get();
  for (const auto& s : waiting_) {  // not more than could be admitted
    if (state.running.size() + state.waiting.size() == static_cast<std::size_t>(limits_.max_batch)) break;
    const engine::KvManager::Known known = kv_.peek(*s);
    if (before && kv_.better_after(*before, *s, known)) break;
    state.waiting.push_back({.length = s->computable(),
                             .positions = s->admission_positions(),
                             .cached_pages = known.pages,
                             .idle_pages = known.idle,
                             .cached_tokens = known.tokens,
                             .scoring = s->scoring(),
                             .unscored = std::max(0, s->scored - known.tokens)});
    before = s.get();
  }
  return state;
}

void Engine::Impl::apply(const engine::Plan& plan) {
  for (std::size_t i = 0; i < plan.preempt.size(); ++i) preempt_youngest();
  const std::size_t first = running_.size();
  for (int i = 0; i < plan.admit; ++i) {
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  stats_.prefix_hit_tokens += kv_.admit(std::span(running_).subspan(first));
}

void Engine::Impl::preempt_youngest() {
  Sequence& sequence = *running_.back();
  kv_.drop(sequence);
  sequence.decoding = false;
  sequence.preempted = true;
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  ++stats_.preemptions;
}

void Engine::Impl::commit(const engine::Plan& plan, std::span<const engine::SequenceRows> batch,
                          std::span<const engine::ChosenToken> chosen) {
  std::uint64_t choices = 0;
  for (const engine::ChosenToken& token : chosen) {
    if (!counts(token, hooks_)) continue;
    append(token);
    ++choices;
  }
  runner_.fold_digests();
  std::uint64_t rows = 0;
  ++(plan.decode ? stats_.decode_steps : stats_.prefill_steps);
  for (const engine::SequenceRows& item : batch) {
    item.sequence->last_step = stats_.prefill_steps + stats_.decode_steps;
    kv_.publish(*item.sequence);  // not before append() has cut `computed` to the accepted tokens
    if (item.sequence->max_new == 0 && !item.sequence->scoring()) item.sequence->finish_scoring();
    if (speculates() && item.sequence->decoding && !item.sequence->finished())
      item.sequence->guess(tuning_.speculate);
    rows += item.rows;
  }
  (plan.decode ? stats_.decode_rows : stats_.prefill_rows) += rows;
  if (plan.decode) {
    stats_.max_decode_rows = std::max(stats_.max_decode_rows, rows);
    stats_.drafted_tokens += rows - batch.size();
    stats_.accepted_tokens += choices - batch.size();
  }
  retire_finished();
}

void Engine::Impl::append(const engine::ChosenToken& chosen) {
  Sequence& sequence = *chosen.sequence;
  sequence.computed = tuning_.kv_cache ? chosen.position + 1 : 0;
  std::string piece;
  std::string& overflow = sequence.result.overflow;
  if (chosen.overflow.operation && overflow.empty()) overflow = describe(chosen.overflow, chosen.position);
  if (!chosen.refusal.empty()) {
    piece = sequence.fail(chosen.refusal);
  } else if (chosen.token < 0) {
    piece = sequence.fail(fmt::format("the logits after {} tokens are all NaN{}{}", sequence.length(),
                                      overflow.empty() ? "" : "; first beyond f16: ", overflow));
  } else {
    if (sequence.request.logprobs) sequence.result.logprobs.push_back(chosen.log_prob);
    if (sequence.request.top_logprobs > 0) sequence.result.top_logprobs.push_back(chosen.top);
    if (sequence.generated() < sequence.request.logits) {
      const std::span<const float> row = runner_.logits(chosen);
      sequence.result.logits.emplace_back(row.begin(), row.end());
    }
    piece = sequence.append(chosen.token);
    sequence.decoding = true;
  }
  if (sequence.on_text && !piece.empty()) undelivered_.push_back({sequence.on_text, std::move(piece)});
}

void Engine::Impl::retire_finished() {
  for (const auto& sequence : running_) {
    if (!sequence->finished()) continue;
    kv_.drop(*sequence);
    finished_.emplace_back(sequence->id, sequence->take_result());
  }
  std::erase_if(running_, [](const auto& sequence) { return sequence->finished(); });
}

void Engine::Impl::deliver() {
  while (!undelivered_.empty()) {
    const Text text = std::move(undelivered_.front());
    undelivered_.pop_front();  // first: the callback may throw, or submit
    text.on_text(text.piece);
  }
}

std::vector<std::pair<Engine::RequestId, Result>> Engine::Impl::take_finished() {
  return std::exchange(finished_, {});
}

}  // namespace isobatch
