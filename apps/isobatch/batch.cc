// JSONL in, JSONL out, in input order. The output is the same bytes at any batch size, thread count and
// table, and however often the job was cut short on the way.
#include "batch_task.h"
#include "commands.h"
#include "isobatch/openai.h"
#include "job_command.h"
#include "options.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  Request request;
  JobOptions job;
  int choices = 1;
  bool raw = false;
};

int batch(const Options& options) {
  const JobIdentity identity = {
      {"command", "batch"},
      {"options", openai::describe_options(options.request, options.choices)},
      {"--raw", options.raw ? "on" : "off"},
  };
  const auto make_reader = [&options](std::shared_ptr<const Model> model) -> ReadTask {
    openai::Responder responder{model->info().name, model->fingerprint(),
                                [model](TokenId token) { return model->token_bytes(token); }, options.raw,
                                openai::describe_options(options.request, options.choices)};
    const auto answerer = std::make_shared<const BatchTask::Answerer>(
        BatchTask::Answerer{std::move(model), std::move(responder)});
    return [&options, answerer](const InputLine& line) {
      return std::make_unique<BatchTask>(
          openai::parse_batch_line(line.text, line.number, options.request, options.choices), answerer);
    };
  };
  return run_job(options.job, options.model, options.tuning, identity, make_reader);
}

}  // namespace

void add_batch(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("batch", "Answer the lines of a JSONL file in the OpenAI batch format");
  add_job_options(*command, options->job, options->tuning);
  command->add_option("-n,--choices", options->choices, "answers to each line")
      ->check(integer_in(1, openai::kMaxChoices))
      ->capture_default_str();
  command->add_flag("--raw", options->raw, "no chat template for messages");
  add_model_options(*command, options->model);
  add_request_options(*command, options->request);
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return batch(*options); }; });
}

}  // namespace isobatch::cli
