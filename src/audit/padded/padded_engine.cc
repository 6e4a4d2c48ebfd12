#include "audit/padded/padded_engine.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>

#include "audit/engines/tokenize.h"
#include "audit/logit_rows.h"
#include "engine/model_parts.h"
#include "isobatch/error.h"

namespace isobatch::audit {

using padded::BatchState;
using padded::Columns;
using padded::Forward;
using padded::Precision;
using padded::Recorder;

namespace {

Precision precision_of(const std::string& dtype) {
  if (dtype.empty() || dtype == "f32") return Precision::f32;
  if (dtype == "bf16") return Precision::bf16;
  if (dtype == "f16") return Precision::f16;
  throw Error(ErrorCode::invalid_argument, fmt::format("padded: there is no dtype '{}'", dtype));
}

TokenId greatest(std::span<const float> logits) {
  TokenId best = 0;
  for (std::size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best] || logits[best] != logits[best]) best = static_cast<TokenId>(i);
  }
  return best;
}

bool is_left(const Setting& setting) { return setting.padding_side == PaddingSide::left; }

// Columns of new tokens, all of the job's from `first` on.
Columns columns_from(int first, const std::vector<TokenId>& tokens, int all, const BatchState& state,
                     const padded::Faults& faults) {
  Columns columns{.count = all - first, .tokens = {}, .positions = {}};
  for (int row = 0; row < state.rows; ++row) {
    int position = -1, at_prompt_end = 0;
    for (int c = 0; c < all; ++c) {
      if (state.real[row][c]) ++position;
      if (c < state.prompt_columns) at_prompt_end = position;
      if (c < first) continue;
      int used = std::max(position, 0);
      if (faults.position_not_advanced && row == 1 && c >= state.prompt_columns) used = at_prompt_end;
      if (faults.positions_from_padding) used = c;
      columns.tokens.push_back(tokens[static_cast<std::size_t>(row) * all + c]);
      columns.positions.push_back(used);
    }
  }
  return columns;
}

// Of each row's hidden states [rows][count][hidden] those of one column.
std::vector<float> pick(const std::vector<float>& hidden, int count, const std::vector<int>& columns) {
  const std::ptrdiff_t width = static_cast<std::ptrdiff_t>(hidden.size() / (columns.size() * count));
  std::vector<float> picked;
  for (std::size_t row = 0; row < columns.size(); ++row) {
    const auto from = hidden.begin() + (static_cast<std::ptrdiff_t>(row) * count + columns[row]) * width;
    picked.insert(picked.end(), from, from + width);
  }
  return picked;
}

}  // namespace

struct PaddedEngine::Job {
  const Batch& batch;
  BatchState state;
  std::vector<TokenId> tokens;  // [rows][columns], padding and new tokens included
  std::vector<int> lengths;     // [rows] real tokens
  int columns = 0;
  TokenId pad = 0;

  int rows() const { return static_cast<int>(batch.rows.size()); }
};

PaddedEngine::PaddedEngine(const EngineOptions& options)
    : faults_(padded::parse_faults(options.faults)),
      tokenizer_(Model::load(options.model, Semantics{})),
      weights_(padded::load_weights(options.model)),
      order_(std::random_device{}()) {
  info_.name = "padded";
  info_.version = openblas_get_config();
  info_.model = tokenizer_->info().name;
  info_.dtypes = {"f32", "bf16", "f16"};
  info_.factors = {Factor::dtype,      Factor::rerun,        Factor::batch_size,    Factor::order,
                   Factor::neighbours, Factor::padding_side, Factor::padding_value, Factor::padding_amount,
                   Factor::kv_cache,   Factor::threads,      Factor::prefix_cache};
  info_.tokens = info_.logits = info_.traces = info_.rectangular = true;
  info_.vocab_size = weights_.config.vocab_size;
  info_.threads = options.threads > 0 ? options.threads : openblas_get_num_threads();
  info_.details = {{"file", options.model.filename().string()},
                   {"planted faults",
                    options.faults.empty() ? "none" : fmt::format("{}", fmt::join(options.faults, ", "))}};
}
PaddedEngine::~PaddedEngine() = default;

std::vector<TokenId> PaddedEngine::tokenize(const Prompt& prompt) {
  return audit::tokenize(prompt, *tokenizer_);
}

const padded::Weights& PaddedEngine::weights(Precision precision) {
  if (precision == Precision::f32) return weights_;
  if (!rounded_ || rounded_to_ != precision) {
    rounded_.reset();
    rounded_ = std::make_unique<padded::Weights>(padded::rounded(weights_, precision));
    rounded_to_ = precision;
  }
  return *rounded_;
}

// The prompts' rectangle.
std::vector<float> PaddedEngine::start(Job& job, Forward& forward, const Setting& setting,
                                       Recorder* recorder) {
  std::vector<float> logits;
  if (setting.prefix_cache && resume(job, logits)) return logits;
  if (recorder) recorder->start_step(job.state, job.columns, false);
  const Columns columns = columns_from(0, job.tokens, job.columns, job.state, faults_);
  const std::vector<float> hidden = forward.run(job.state, columns, recorder);
  std::vector<int> last;
  for (const int length : job.lengths) {
    const bool at_end = is_left(setting) || faults_.wrong_last_token;
    last.push_back(at_end ? job.columns - 1 : length - 1);
  }
  logits = forward.logits(pick(hidden, job.columns, last), recorder);
  if (setting.prefix_cache) keep(job, logits);
  return logits;
}

// One column more, or the whole rectangle again without the KV cache.
std::vector<float> PaddedEngine::advance(Job& job, Forward& forward, const Setting& setting,
                                         Recorder* recorder) {
  const int first = setting.kv_cache ? job.columns - 1 : 0;
  if (!setting.kv_cache) {
    BatchState fresh(job.rows(), weights_.config.layers);
    fresh.real = job.state.real;
    fresh.prompt_columns = job.state.prompt_columns;
    job.state = std::move(fresh);
  }
  const Columns columns = columns_from(first, job.tokens, job.columns, job.state, faults_);
  if (recorder) recorder->start_step(job.state, columns.count, true);
  const std::vector<float> hidden = forward.run(job.state, columns, recorder);
  return forward.logits(pick(hidden, columns.count, std::vector<int>(job.rows(), columns.count - 1)),
                        recorder);
}

std::vector<TokenId> PaddedEngine::key(const std::vector<TokenId>& tokens) const {
  std::vector<TokenId> key = tokens;
  if (faults_.cache_key_short && key.size() > 1) key.back() = -1;
  return key;
}

// Takes the whole prompt from the cache, where it stands alone and is known.
bool PaddedEngine::resume(Job& job, std::vector<float>& logits) {
  if (job.rows() != 1 || job.columns != job.lengths[0]) return false;
  const auto found = prefixes_.find(key(job.batch.rows[0].tokens));
  if (found == prefixes_.end()) return false;
  for (int i = 0; i < weights_.config.layers; ++i) {
    job.state.keys[i][0] = found->second.keys[i];
    job.state.values[i][0] = found->second.values[i];
  }
  job.state.columns = job.columns;
  logits = found->second.logits;
  return true;
}

void PaddedEngine::keep(const Job& job, const std::vector<float>& logits) {
  if (job.rows() != 1 || job.columns != job.lengths[0]) return;
  Prefix prefix{.keys = {}, .values = {}, .logits = logits};
  for (int i = 0; i < weights_.config.layers; ++i) {
    prefix.keys.push_back(job.state.keys[i][0]);
    prefix.values.push_back(job.state.values[i][0]);
  }
  prefixes_.emplace(key(job.batch.rows[0].tokens), std::move(prefix));
}

std::vector<Answer> PaddedEngine::run(const Batch& batch, const Setting& setting, Recorder* recorder,
                                      int steps) {
  openblas_set_num_threads(setting.threads > 0 ? setting.threads : info_.threads);
  const Precision precision = precision_of(setting.dtype);
  const std::vector<TokenId>& ends = tokenizer_->parts().tokenizer->spec().end_tokens;
  Forward forward(weights(precision), precision, faults_, order_);
  const int rows = static_cast<int>(batch.rows.size());
  Job job{.batch = batch, .state = BatchState(rows, weights_.config.layers), .tokens = {}, .lengths = {}};
  job.pad = setting.padding_value.value_or(ends.empty() ? 0 : ends[0]);
  std::size_t longest = 0;
  for (const Row& row : batch.rows) longest = std::max(longest, row.tokens.size());
  job.columns = job.state.prompt_columns = static_cast<int>(longest) + setting.extra_padding;
  for (int r = 0; r < rows; ++r) {
    const std::vector<TokenId>& tokens = batch.rows[r].tokens;
    const std::size_t padding = job.columns - tokens.size(), before = is_left(setting) ? padding : 0;
    job.tokens.insert(job.tokens.end(), before, job.pad);
    job.tokens.insert(job.tokens.end(), tokens.begin(), tokens.end());
    job.tokens.insert(job.tokens.end(), padding - before, job.pad);
    job.lengths.push_back(static_cast<int>(tokens.size()));
    auto& real = job.state.real[r];
    real.assign(job.columns, 0);
    std::fill_n(real.begin() + static_cast<std::ptrdiff_t>(before), tokens.size(), 1);
  }

  std::vector<Answer> answers(rows);
  std::vector<char> finished(rows, 0);
  const std::size_t vocab = weights_.config.vocab_size;
  for (int step = 0; step < steps; ++step) {
    const std::vector<float> logits =
        step == 0 ? start(job, forward, setting, recorder) : advance(job, forward, setting, recorder);
    std::vector<TokenId> next(rows, job.pad);
    for (int r = 0; r < rows; ++r) {
      if (finished[r]) continue;
      const std::span<const float> row(logits.data() + r * vocab, vocab);
      Answer& answer = answers[r];
      if (step < batch.logits_steps) answer.logits.emplace_back(row.begin(), row.end());
      answer.margins.push_back(margin(row));
      next[r] = greatest(row);
      answer.tokens.push_back(next[r]);
      const bool ends_here = std::ranges::find(ends, next[r]) != ends.end() && !batch.rows[r].ignore_eos;
      answer.stopped = ends_here;
      finished[r] = ends_here || static_cast<int>(answer.tokens.size()) >= batch.rows[r].max_tokens;
    }
    if (std::ranges::all_of(finished, [](char f) { return f != 0; })) break;
    std::vector<TokenId> wider;
    for (int r = 0; r < rows; ++r) {
      const auto from = job.tokens.begin() + static_cast<std::ptrdiff_t>(r) * job.columns;
      wider.insert(wider.end(), from, from + job.columns);
      wider.push_back(next[r]);
      job.state.real[r].push_back(1);
    }
    job.tokens = std::move(wider);
    ++job.columns;
  }
  for (Answer& answer : answers) answer.text = tokenizer_->decode(answer.tokens);
  return answers;
}

std::vector<Answer> PaddedEngine::generate(const Batch& batch, const Setting& setting) {
  int steps = 0;
  for (const Row& row : batch.rows) steps = std::max(steps, row.max_tokens);
  return run(batch, setting, nullptr, steps);
}

Trace PaddedEngine::trace(const Batch& batch, int row, const Setting& setting, int steps) {
  Recorder recorder(row);
  run(batch, setting, &recorder, steps);
  return recorder.take();
}

}  // namespace isobatch::audit
