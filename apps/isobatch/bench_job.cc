#include "bench_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "isobatch/error.h"
#include "progress.h"

namespace isobatch::cli {
namespace {

// Makes requests of random prompts.
class Prompts {
 public:
  explicit Prompts(int vocab_size) : vocab_size_(vocab_size) {}

  void submit(Engine& engine, int batch, int prompt_tokens, int new_tokens) {
    for (int i = 0; i < batch; ++i) {
      Request request;
      for (int token = 0; token < prompt_tokens; ++token) request.prompt.push_back(random_token());
      request.max_tokens = new_tokens;
      request.ignore_eos = true;
      engine.submit(std::move(request));
    }
  }

  void submit(Engine& engine, const Phase& phase, const BenchPlan& plan) {
    if (phase.decode) {
      submit(engine, phase.size, plan.prompt_tokens, plan.new_tokens);
    } else {
      submit(engine, 1, phase.size, 1);
    }
  }

 private:
  // SplitMix64 (Steele, Lea, Flood 2014), so that every machine gets the same prompts.
  TokenId random_token() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<TokenId>((z ^ (z >> 31)) % vocab_size_);
  }
  std::uint64_t vocab_size_;
  std::uint64_t state_ = 0;
};

void check_results(Engine& engine) {
  for (const auto& [id, result] : engine.take_finished()) {
    if (result.finish_reason == FinishReason::error) throw Error(ErrorCode::unsupported, result.error);
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Time {
  double rate = 0;
  double step_seconds = 0;
};

Time run(const Phase& phase, const BenchPlan& plan, Prompts& prompts, Engine& engine) {
  const EngineStats before = engine.stats();
  prompts.submit(engine, phase, plan);
  while (engine.step()) {
  }
  check_results(engine);
  const EngineStats after = engine.stats();
  const auto time = [](double seconds, std::uint64_t rows, std::uint64_t steps) {
    return Time{double(rows) / seconds, seconds / double(steps)};
  };
  if (phase.decode) {
    return time(after.decode_seconds - before.decode_seconds, after.decode_rows - before.decode_rows,
                after.decode_steps - before.decode_steps);
  }
  return time(after.prefill_seconds - before.prefill_seconds, after.prefill_rows - before.prefill_rows,
              after.prefill_steps - before.prefill_steps);
}

double attention_operations(const ModelInfo& info, double keys) {
  return 4.0 * keys * info.layers * info.heads * info.head_dim;
}

Cost decode_cost(const Model& model, int batch, const BenchPlan& plan) {
  const ModelInfo& info = model.info();
  const double keys = plan.prompt_tokens + plan.new_tokens / 2.0;
  static constexpr double kValueBytes[] = {4, 2, 2, 1 + 2.0 / 32};  // f32, f16, bf16, q8_0
  const double value_bytes = kValueBytes[static_cast<int>(*model.semantics().kv_dtype)];
  const double kv_bytes = keys * 2 * info.layers * info.kv_heads * info.head_dim * value_bytes;
  return {
      .bytes = double(info.matmul_bytes) / batch + kv_bytes,
      .quantized_operations = 2.0 * info.quantized_macs,
      .float_operations = 2.0 * (info.matmul_macs - info.quantized_macs) + attention_operations(info, keys)};
}

// The head runs for the last token only.
Cost prefill_cost(const Model& model, int tokens, int step_rows) {
  const ModelInfo& info = model.info();
  const int steps = (tokens + step_rows - 1) / step_rows;
  const double matmul = 2.0 * (info.matmul_macs - info.head_macs) + 2.0 * double(info.head_macs) / tokens;
  const double quantized = double(info.quantized_macs) / double(info.matmul_macs);
  return {.bytes = double(info.matmul_bytes) * steps / tokens,
          .quantized_operations = matmul * quantized,
          .float_operations = matmul * (1 - quantized) + attention_operations(info, (tokens + 1) / 2.0)};
}

}  // namespace

std::string Phase::name() const {
  return decode ? fmt::format("decode, batch {}", size) : fmt::format("prefill {}", size);
}

std::vector<Phase> plan_phases(const BenchPlan& plan, const Model& model, const Tuning& tuning) {
  std::vector<Phase> phases;
  for (const int tokens : plan.prefill_tokens) {
    phases.push_back({.size = tokens, .cost = prefill_cost(model, tokens, tuning.max_step_rows)});
  }
  for (const int batch : plan.batch_sizes) {
    phases.push_back({.decode = true, .size = batch, .cost = decode_cost(model, batch, plan)});
  }
  return phases;
}

void measure_phases(std::vector<Phase>& phases, const BenchPlan& plan, const Model& model, Engine& engine) {
  Prompts prompts(model.info().vocab_size);
  prompts.submit(engine, 1, plan.prompt_tokens, 2);  // touches the weights and buffers once
  while (engine.step()) {
  }
  check_results(engine);
  std::vector<std::vector<double>> rates(phases.size()), seconds(phases.size());
  ProgressBar bar("measuring", plan.repetitions * phases.size());
  for (int repetition = 0; repetition < plan.repetitions; ++repetition) {
    for (std::size_t i = 0; i < phases.size(); ++i) {
      const Time time = run(phases[i], plan, prompts, engine);
      rates[i].push_back(time.rate);
      seconds[i].push_back(time.step_seconds);
      bar.update(repetition * phases.size() + i + 1);
    }
  }
  for (std::size_t i = 0; i < phases.size(); ++i) {
    phases[i].rate = median(rates[i]);
    phases[i].step_seconds = median(seconds[i]);
    phases[i].least_step_seconds = std::ranges::min(seconds[i]);
  }
}

void profile_phases(std::vector<Phase>& phases, const BenchPlan& plan, const Model& model,
                    ProfiledEngine& engine) {
  Prompts prompts(model.info().vocab_size);
  ProgressBar bar("profiling", phases.size());
  for (std::size_t i = 0; i < phases.size(); ++i) {
    // A prefill twice: the first one touches the buffers.
    for (int pass = phases[i].decode ? 1 : 0; pass < 2; ++pass) {
      engine.clear();
      prompts.submit(engine.engine(), phases[i], plan);
      while (engine.step()) {
      }
      check_results(engine.engine());
    }
    phases[i].profile = phases[i].decode ? engine.decode() : engine.prefill();
    bar.update(i + 1);
  }
}

}  // namespace isobatch::cli
