// Log-probabilities of continuations and texts, JSONL in, JSONL out. The output is the same bytes at any
// batch size, thread count and table.
#include "isobatch/score.h"

#include "commands.h"
#include "job_command.h"
#include "options.h"
#include "score_task.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  JobOptions job;
  openai::ScoreOptions score;
};

int score(const Options& options) {
  const JobIdentity identity = {{"command", "score"}, {"--tokens", options.score.tokens ? "on" : "off"}};
  const auto make_reader = [&options](std::shared_ptr<const Model> model) -> ReadTask {
    openai::Responder responder{model->info().name, model->fingerprint()};
    const auto scorer = std::make_shared<const ScoreTask::Scorer>(
        ScoreTask::Scorer{std::move(model), std::move(responder), options.score});
    return [scorer](const InputLine& line) {
      return std::make_unique<ScoreTask>(openai::parse_score_line(line.text, line.number), scorer);
    };
  };
  return run_job(options.job, options.model, options.tuning, identity, make_reader);
}

}  // namespace

void add_score(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "score", "Log-probabilities of continuations and texts, for the lines of a JSONL file");
  add_job_options(*command, options->job, options->tuning);
  command->add_flag("--tokens", options->score.tokens, "also the log-probability of each token");
  add_model_options(*command, options->model);
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return score(*options); }; });
}

}  // namespace isobatch::cli
