#include "audit/lab.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

bool is_neighbours(Company company) {
  return company == Company::neighbours_a || company == Company::neighbours_b;
}
bool is_hit(Company company) { return company == Company::near_hit || company == Company::hit; }

// Lengths of the rows beside a prompt, relative to its own: some longer, so that it is padded.
int neighbour_length(int own, int slot) {
  constexpr int kOffsets[] = {9, -3, 0, 17, -7, 5, 1};
  return std::max(2, own + kOffsets[(slot - 1) % std::size(kOffsets)]);
}

void check(const std::vector<Answer>& answers, const Batch& batch, const EngineInfo& info) {
  if (answers.size() != batch.rows.size()) {
    throw Error(ErrorCode::unsupported, fmt::format("{}: {} rows were asked, {} answers came", info.name,
                                                    batch.rows.size(), answers.size()));
  }
  for (const Answer& answer : answers) {
    for (const auto& row : answer.logits) {
      if (row.size() == answers[0].logits[0].size()) continue;
      throw Error(ErrorCode::unsupported, fmt::format("{}: rows of logits have {} and {} values", info.name,
                                                      answers[0].logits[0].size(), row.size()));
    }
  }
}

}  // namespace

Lab::Lab(EngineUnderTest& engine, const std::vector<Prompt>& prompts, const AuditOptions& options)
    : engine_(engine), prompts_(prompts), options_(options) {
  if (!engine.info().tokens) return;
  for (const Prompt& prompt : prompts) {
    tokens_.push_back(engine.tokenize(prompt));
    if (tokens_.back().empty()) {
      throw Error(ErrorCode::invalid_argument, fmt::format("prompt {}: has no tokens", prompt.id));
    }
  }
}

std::size_t Lab::rows_of(const RunSpec& spec, std::size_t count) {
  if (is_neighbours(spec.company)) return count * spec.batch_size;
  return is_hit(spec.company) ? 2 * count : count;
}

int Lab::max_tokens(const RunSpec& spec) const {
  return spec.max_tokens > 0 ? std::min(spec.max_tokens, options_.max_tokens) : options_.max_tokens;
}

Row Lab::prompt_row(std::size_t index, const RunSpec& spec) const {
  return {.prompt = &prompts_[index],
          .tokens = tokens_.empty() ? std::vector<TokenId>() : tokens_[index],
          .max_tokens = max_tokens(spec)};
}

Batch Lab::batch_of(const RunSpec& spec, std::size_t first, std::size_t count) const {
  Batch batch;
  if (engine_.info().logits) batch.logits_steps = options_.logits_steps;
  for (std::size_t i = 0; i < count; ++i) batch.rows.push_back(prompt_row(first + i, spec));
  if (spec.company == Company::reversed) std::ranges::reverse(batch.rows);
  if (!is_neighbours(spec.company)) return batch;

  // Others' tokens in another order, or random ones. They run to the end of the prompt's answer, so that
  // engines which drop finished rows keep the shape.
  const int own = static_cast<int>(batch.rows[0].tokens.size());
  const int vocab = engine_.info().vocab_size;
  const bool random_ids = spec.company == Company::neighbours_b && vocab > 0;
  std::mt19937_64 random(options_.seed * 1000003 + first * 2 + (spec.company == Company::neighbours_b));
  for (int slot = 1; slot < spec.batch_size; ++slot) {
    Row row;
    row.max_tokens = max_tokens(spec);
    row.ignore_eos = !engine_.info().rectangular;
    for (int i = 0; i < neighbour_length(own, slot); ++i) {
      const std::vector<TokenId>& source = tokens_[random() % tokens_.size()];
      row.tokens.push_back(random_ids ? static_cast<TokenId>(random() % vocab)
                                      : source[random() % source.size()]);
    }
    batch.rows.push_back(std::move(row));
  }
  return batch;
}

Lab::Placed Lab::place(const RunSpec& spec, std::size_t index) const {
  if (is_neighbours(spec.company)) return {batch_of(spec, index, 1), 0};
  const std::size_t first = index / spec.batch_size * spec.batch_size;
  const std::size_t rows = std::min<std::size_t>(spec.batch_size, prompts_.size() - first);
  const std::size_t row = spec.company == Company::reversed ? rows - 1 - (index - first) : index - first;
  return {batch_of(spec, first, rows), static_cast<int>(row)};
}

std::vector<Answer> Lab::timed(const Batch& batch, const Setting& setting, double& seconds) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Answer> answers = engine_.generate(batch, setting);
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  check(answers, batch, engine_.info());
  if (on_rows_) on_rows_(batch.rows.size());
  return answers;
}

void Lab::run_hits(const RunSpec& spec, std::size_t count, Run& run) {
  Setting setting = spec.setting;
  setting.prefix_cache = true;
  for (std::size_t i = 0; i < count; ++i) {
    engine_.clear_prefix_cache();
    Batch before = batch_of(spec, i, 1);
    if (spec.company == Company::near_hit && !before.rows[0].tokens.empty()) {
      // Some other token that another prompt ends with, or one before it.
      TokenId& last = before.rows[0].tokens.back();
      const std::vector<TokenId>& other = tokens_[(i + 1) % tokens_.size()];
      const auto differs = std::find_if(other.rbegin(), other.rend(), [&](TokenId t) { return t != last; });
      last = differs != other.rend() ? *differs : (last == 0 ? 1 : 0);
    }
    double seconds = 0;
    timed(before, setting, seconds);
    run.answers.push_back(std::move(timed(batch_of(spec, i, 1), setting, seconds)[0]));
    run.seconds.push_back(seconds);
  }
  engine_.clear_prefix_cache();
}

std::shared_ptr<const Run> Lab::run(const RunSpec& spec, std::size_t count, bool keep) {
  count = std::min(count, prompts_.size());
  for (const auto& [known, run] : kept_) {
    if (known == spec && run->answers.size() >= count) return run;
  }
  auto run = std::make_shared<Run>();
  if (is_hit(spec.company)) {
    run_hits(spec, count, *run);
  } else {
    const std::size_t step = is_neighbours(spec.company) ? 1 : spec.batch_size;
    for (std::size_t first = 0; first < count; first += step) {
      const std::size_t rows = std::min(step, prompts_.size() - first);
      double seconds = 0;
      std::vector<Answer> answers = timed(batch_of(spec, first, rows), spec.setting, seconds);
      if (is_neighbours(spec.company)) answers.resize(1);
      if (spec.company == Company::reversed) std::ranges::reverse(answers);
      for (Answer& answer : answers) {
        run->answers.push_back(std::move(answer));
        run->seconds.push_back(seconds / static_cast<double>(rows));
      }
    }
  }
  if (keep) kept_.emplace_back(spec, run);
  return run;
}

}  // namespace isobatch::audit
