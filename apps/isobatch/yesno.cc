// The same questions at several batch sizes: the same answers, faster. What ./run shows.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "options.h"
#include "table.h"
#include "yesno_job.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  Request request;
  std::string prompts = ISOBATCH_SOURCE_DIR "/prompts/yesno.jsonl";
  std::vector<int> batch_sizes = {1, 4, 16, 64};
  bool json = false;
};

void print_table(const std::vector<YesnoSummary>& summaries) {
  const std::string against = fmt::format("batch {}", summaries[0].batch_size);
  Table table({"batch\nsize", "mean rows per\ndecode step", "prefill\ntokens/s", "decode\ntokens/s",
               "answers/s", "speed-up over\n" + against, "answers unlike\n" + against, "digests\nequal",
               "right\n(yes)", "right\n(no)", "mean answer\n(tokens)"});
  for (const YesnoSummary& s : summaries) {
    table.add_row({fmt::format("{}", s.batch_size), fmt::format("{:.1f}", s.rows_per_decode_step),
                   fmt::format("{:.0f}", s.prefill_tokens_per_second),
                   fmt::format("{:.0f}", s.decode_tokens_per_second),
                   fmt::format("{:.2f}", s.answers_per_second), fmt::format("{:.2f}", s.speed_up),
                   fmt::format("{}", s.different_answers), s.digests_equal ? "yes" : "NO",
                   fmt::format("{:.0f} %", 100 * s.right_yes), fmt::format("{:.0f} %", 100 * s.right_no),
                   fmt::format("{:.1f}", s.mean_tokens)});
  }
  fmt::print("{}", table.to_text());
  for (const YesnoSummary& s : summaries) {
    if (s.drafted_tokens == 0) continue;
    fmt::print("batch {}: {} of {} drafted tokens accepted\n", s.batch_size, s.accepted_tokens,
               s.drafted_tokens);
  }
}

void print_json(const std::vector<YesnoSummary>& summaries) {
  auto list = nlohmann::ordered_json::array();
  for (const YesnoSummary& s : summaries) {
    list.push_back({{"batch_size", s.batch_size},
                    {"rows_per_decode_step", s.rows_per_decode_step},
                    {"max_decode_rows", s.max_decode_rows},
                    {"drafted_tokens", s.drafted_tokens},
                    {"accepted_tokens", s.accepted_tokens},
                    {"prefill_tokens_per_second", s.prefill_tokens_per_second},
                    {"decode_tokens_per_second", s.decode_tokens_per_second},
                    {"answers_per_second", s.answers_per_second},
                    {"speed_up", s.speed_up},
                    {"different_answers", s.different_answers},
                    {"digests_equal", s.digests_equal},
                    {"right_yes", s.right_yes},
                    {"right_no", s.right_no},
                    {"mean_tokens", s.mean_tokens}});
  }
  fmt::print("{}\n", list.dump(2));
}

int yesno(const Options& options) {
  const auto model = load_model(options.model);
  const std::vector<Question> questions = read_questions(options.prompts, *model);
  std::vector<YesnoRun> runs;
  std::vector<YesnoSummary> summaries;
  bool equal = true;
  for (const int batch_size : options.batch_sizes) {
    Tuning tuning = options.tuning;
    tuning.max_batch = batch_size;
    runs.push_back(answer_questions(questions, model, tuning, options.request));
    summaries.push_back(summarize(runs.back(), runs.front(), questions));
    equal &= summaries.back().digests_equal && summaries.back().different_answers == 0;
  }
  (options.json ? print_json : print_table)(summaries);
  return equal ? kAnswered : kSomeFailed;
}

}  // namespace

void add_yesno(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  options->request.max_tokens = 16;
  CLI::App* command =
      app.add_subcommand("yesno", "Answer yes/no questions at several batch sizes and compare");
  command->add_option("--prompts", options->prompts, "JSONL file of messages and answers");
  command->add_option("--batch-sizes", options->batch_sizes, "in this order, each compared with the first")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(integer_in(1, 1 << 16))
      ->capture_default_str();
  command->add_flag("--json", options->json, "as JSON");
  add_model_options(*command, options->model);
  add_request_options(*command, options->request);
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return yesno(*options); }; });
}

}  // namespace isobatch::cli
