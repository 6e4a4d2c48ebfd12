#include "job_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "commands.h"
#include "interrupt.h"
#include "isobatch/error.h"

namespace isobatch::cli {
namespace {

void check_paths(const JobOptions& job) {
  std::error_code ignored;
  if (std::filesystem::equivalent(job.input, job.output, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("output {}: is the input file", job.output));
  }
}

// fmt::print throws when nobody reads; the records are what counts.
void say(const std::string& message) { std::fputs(message.c_str(), stderr); }

std::string how_to_go_on(const JobOutput& output) {
  if (output.flushed() == 0) return "nothing was answered";
  return fmt::format("{} records are kept; the same command with --resume goes on", output.flushed());
}

void report(const JobOutput& output, const LineJob& job) {
  const LineJob::Tally& tally = job.tally();
  const double seconds = std::max(tally.seconds, 1e-9);
  const std::size_t earlier = output.kept() - tally.records;
  const std::string new_tokens =
      tally.new_tokens == 0 ? "" : fmt::format(", {:.1f} new tokens/s", double(tally.new_tokens) / seconds);
  say(fmt::format(
      "{} answered, {} failed{} in {:.2f} s: {:.2f} answers/s{}{} ({} kernels, {} "
      "threads)\n",
      output.ok(), output.failed(), earlier > 0 ? fmt::format(" ({} of them earlier)", earlier) : "",
      tally.seconds, double(tally.answers) / seconds, new_tokens, describe_drafts(job.engine().stats()),
      job.engine().kernels(), job.engine().threads()));
}

}  // namespace

void add_job_options(CLI::App& app, JobOptions& options, Tuning& tuning) {
  app.add_option("input", options.input, "JSONL file; - reads stdin")->required();
  app.add_option("-o,--output", options.output,
                 "JSONL file; it appears when all is answered, FILE.part and FILE.journal until then")
      ->required();
  app.add_flag("--resume", options.resume, "go on with a job that was cut short");
  app.add_flag("--unordered", options.unordered, "write records as they finish, not in input order");
  app.add_option("--batch-size", tuning.max_batch, "most requests that run at once")
      ->check(integer_in(1, 1 << 16))
      ->capture_default_str();
}

int run_job(const JobOptions& options, const ModelOptions& model_options, const Tuning& tuning,
            JobIdentity identity, const std::function<ReadTask(std::shared_ptr<const Model>)>& make_reader) {
  check_paths(options);
  LineReader reader(options.input);
  catch_interrupts();
  JobOutput output(options.output, options.unordered ? RecordOrder::finish : RecordOrder::input,
                   options.resume);
  const std::shared_ptr<const Model> model = load_model(model_options);
  identity["model"] = model->fingerprint();
  output.begin(identity);
  try {
    LineJob job(model, tuning, reader, output, make_reader(model));
    if (!job.run()) {
      output.flush();
      say(fmt::format("isobatch: interrupted, {}\n", how_to_go_on(output)));
      return kInterrupted;
    }
    output.commit();
    report(output, job);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}; {}", error.what(), how_to_go_on(output)));
  }
  return output.failed() > 0 ? kSomeFailed : kAnswered;
}

}  // namespace isobatch::cli
