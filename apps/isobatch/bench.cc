// Throughput of prefill and of decode at several batch sizes, and how far that is from the machine's limit.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "isobatch/engine.h"
#include "isobatch/error.h"
#include "options.h"
#include "progress.h"
#include "table.h"

namespace isobatch::cli {
namespace {

constexpr std::array<int, 4> kBatchSizes = {1, 4, 16, 64};
constexpr int kPrefillTokens = 512;
constexpr int kPromptTokens = 128;
constexpr int kNewTokens = 32;
constexpr int kRepetitions = 3;

struct Options {
  ModelOptions model;
  Tuning tuning;
  bool json = false;
};

// Times jobs of random prompts on one engine.
class Bench {
 public:
  Bench(std::shared_ptr<const Model> model, const Tuning& tuning) : model_(model), engine_(model, tuning) {}

  // Seconds until `batch` random prompts have `new_tokens` each.
  double run(int batch, int prompt_tokens, int new_tokens) {
    for (int i = 0; i < batch; ++i) {
      Request request;
      for (int token = 0; token < prompt_tokens; ++token) request.prompt.push_back(random_token());
      request.max_tokens = new_tokens;
      request.ignore_eos = true;
      engine_.submit(std::move(request));
    }
    const auto start = std::chrono::steady_clock::now();
    while (engine_.step()) {
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const auto& [id, result] : engine_.take_finished()) {
      if (result.finish_reason == FinishReason::error) throw Error(ErrorCode::unsupported, result.error);
    }
    return seconds;
  }

  const Engine& engine() const { return engine_; }

 private:
  // SplitMix64 (Steele, Lea, Flood 2014), so that every machine gets the same prompts.
  TokenId random_token() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<TokenId>((z ^ (z >> 31)) % std::uint64_t(model_->info().vocab_size));
  }

  std::shared_ptr<const Model> model_;
  Engine engine_;
  std::uint64_t state_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What one token costs, from the shapes: matrices and attention; a multiply-add is two operations.
struct Cost {
  double bytes = 0;  // weights (shared by the rows of a step) and KV cache read
  double operations = 0;
};

int kv_value_bytes(const Model& model) { return *model.semantics().kv_dtype == KvDType::f32 ? 4 : 2; }

Cost decode_cost(const Model& model, int batch) {
  const ModelInfo& info = model.info();
  constexpr double kMeanKeys = kPromptTokens + kNewTokens / 2.0;
  const double kv_bytes = kMeanKeys * 2 * info.layers * info.kv_heads * info.head_dim * kv_value_bytes(model);
  return {double(info.matmul_bytes) / batch + kv_bytes,
          2.0 * info.matmul_macs + 4.0 * kMeanKeys * info.layers * info.heads * info.head_dim};
}

Cost prefill_cost(const Model& model, int step_rows) {
  const ModelInfo& info = model.info();
  constexpr double kMeanKeys = (kPrefillTokens + 1) / 2.0;
  const int steps = (kPrefillTokens + step_rows - 1) / step_rows;
  return {double(info.matmul_bytes) * steps / kPrefillTokens,
          2.0 * (info.matmul_macs - info.head_macs) + 2.0 * info.head_macs / kPrefillTokens +
              4.0 * kMeanKeys * info.layers * info.heads * info.head_dim};
}

struct Rates {
  double prefill = 0;            // tokens/s
  std::map<int, double> decode;  // by batch size
};

// The repetitions take turns, so that a slow minute of the machine does not fall on one figure.
Rates measure(Bench& bench) {
  std::vector<double> prefill;
  std::map<int, std::vector<double>> decode;
  ProgressBar bar("measuring", kRepetitions * (kBatchSizes.size() + 1));
  std::size_t done = 0;
  bench.run(1, kPromptTokens, 2);  // touches the weights and buffers once
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    prefill.push_back(kPrefillTokens / bench.run(1, kPrefillTokens, 1));
    bar.update(++done);
    for (const int batch : kBatchSizes) {
      const double first = bench.run(batch, kPromptTokens, 1);
      const double all = bench.run(batch, kPromptTokens, kNewTokens);
      decode[batch].push_back(batch * (kNewTokens - 1) / (all - first));
      bar.update(++done);
    }
  }
  Rates rates;
  rates.prefill = median(prefill);
  for (const auto& [batch, values] : decode) rates.decode[batch] = median(values);
  return rates;
}

void print_json(const Rates& rates, const Model& model, const Tuning& tuning, const Engine& engine) {
  const Cost prefill = prefill_cost(model, tuning.max_step_rows);
  nlohmann::ordered_json json;
  json["prefill_512"] = rates.prefill;
  for (const auto& [batch, rate] : rates.decode) json["decode"][std::to_string(batch)] = rate;
  json["bytes_per_token"]["prefill_512"] = prefill.bytes;
  json["operations_per_token"]["prefill_512"] = prefill.operations;
  for (const int batch : kBatchSizes) {
    const Cost cost = decode_cost(model, batch);
    json["bytes_per_token"]["decode"][std::to_string(batch)] = cost.bytes;
    json["operations_per_token"]["decode"][std::to_string(batch)] = cost.operations;
  }
  json["kernels"] = engine.kernels();
  json["threads"] = engine.threads();
  json["drafted_tokens"] = engine.stats().drafted_tokens;
  json["accepted_tokens"] = engine.stats().accepted_tokens;
  json["system_fingerprint"] = model.fingerprint();
  fmt::print("{}\n", json.dump(2));
}

void print_table(const Rates& rates, const Model& model, const Tuning& tuning, const Engine& engine) {
  Table table({"", "tokens/s", "MB/token", "Mop/token", "GB/s", "Gop/s"});
  const auto add = [&table](const std::string& name, double rate, const Cost& cost) {
    table.add_row({name, fmt::format("{:.1f}", rate), fmt::format("{:.2f}", cost.bytes / 1e6),
                   fmt::format("{:.1f}", cost.operations / 1e6),
                   fmt::format("{:.2f}", rate * cost.bytes / 1e9),
                   fmt::format("{:.1f}", rate * cost.operations / 1e9)});
  };
  add("prefill 512", rates.prefill, prefill_cost(model, tuning.max_step_rows));
  for (const auto& [batch, rate] : rates.decode) {
    add(fmt::format("decode, batch {}", batch), rate, decode_cost(model, batch));
  }
  fmt::print("{}{} kernels, {} threads{}\n", table.to_text(), engine.kernels(), engine.threads(),
             describe_drafts(engine.stats()));
}

int bench(const Options& options) {
  Tuning tuning = options.tuning;
  tuning.max_batch = kBatchSizes.back();
  tuning.prefix_cache = false;
  const auto model = load_model(options.model);
  Bench bench(model, tuning);
  const Rates rates = measure(bench);
  (options.json ? print_json : print_table)(rates, *model, tuning, bench.engine());
  return kAnswered;
}

}  // namespace

void add_bench(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure tokens/s: prefill of 512, decode at batch 1, 4, 16, 64 (medians of 3)");
  command->add_flag("--json", options->json, "as JSON");
  add_model_options(*command, options->model);
  add_threads_option(*command, options->tuning);
  add_kernels_option(*command, options->tuning);
  add_speculate_option(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return bench(*options); }; });
}

}  // namespace isobatch::cli
