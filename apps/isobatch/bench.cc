// Throughput of prefill and of decode at several batch sizes, how far that is from the machine's limit, and
// where the time goes.
#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "bench_job.h"
#include "bench_report.h"
#include "commands.h"
#include "options.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  BenchPlan plan;
  bool peaks = true;
  bool profile = false;
  bool json = false;
};

void keep_better(MachinePeaks& peaks, const MachinePeaks& other) {
  peaks.bandwidth = std::max(peaks.bandwidth, other.bandwidth);
  peaks.stream_bandwidth = std::max(peaks.stream_bandwidth, other.stream_bandwidth);
  peaks.quantized = std::max(peaks.quantized, other.quantized);
  peaks.f32 = std::max(peaks.f32, other.f32);
}

int bench(const Options& options) {
  Tuning tuning = options.tuning;
  const std::vector<int>& batch_sizes = options.plan.batch_sizes;
  tuning.max_batch = *std::max_element(batch_sizes.begin(), batch_sizes.end());
  tuning.prefix_cache = false;
  const auto model = load_model(options.model);
  const auto measure = [&] {
    return measure_peaks(tuning.kernels, tuning.threads, model->info().matmul_bytes,
                         model->semantics().dtype);
  };

  BenchReport report;
  report.phases = plan_phases(options.plan, *model, tuning);
  if (options.peaks) report.peaks = measure();
  {
    Engine engine(model, tuning);
    report.kernels = engine.kernels();
    report.threads = engine.threads();
    measure_phases(report.phases, options.plan, *model, engine);
  }
  if (options.peaks) keep_better(*report.peaks, measure());  // a busy minute hides a peak
  if (options.profile) {
    ProfiledEngine engine(model, tuning);
    profile_phases(report.phases, options.plan, *model, engine);
  }
  fmt::print("{}", options.json ? bench_json(report, *model) : bench_text(report));
  return kAnswered;
}

void add_plan_options(CLI::App& app, BenchPlan& plan) {
  app.add_option("--prefill-tokens", plan.prefill_tokens, "prompt lengths to prefill (default: 512)")
      ->delimiter(',')
      ->check(integer_in(1, INT_MAX));
  app.add_option("--batch-sizes", plan.batch_sizes, "requests that decode at once (default: 1,4,16,64)")
      ->delimiter(',')
      ->check(integer_in(1, 1 << 16));
  app.add_option("--prompt-tokens", plan.prompt_tokens, "prompt of each request that decodes")
      ->check(integer_in(1, INT_MAX))
      ->capture_default_str();
  app.add_option("--new-tokens", plan.new_tokens, "tokens that each of them gets")
      ->check(integer_in(2, INT_MAX))
      ->capture_default_str();
  app.add_option("--repetitions", plan.repetitions, "runs of each; their median counts")
      ->check(integer_in(1, 1000))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure tokens/s of prefill and decode, beside what this machine could do at best");
  command->add_flag("--profile", options->profile, "also where the time of a step goes");
  command->add_flag("--json", options->json, "as JSON");
  command->add_flag_callback(
      "--no-peaks", [options] { options->peaks = false; }, "leave out the machine's limits");
  add_plan_options(*command, options->plan);
  add_model_options(*command, options->model);
  add_threads_option(*command, options->tuning);
  add_kernels_option(*command, options->tuning);
  add_chunk_option(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return bench(*options); }; });
}

}  // namespace isobatch::cli
