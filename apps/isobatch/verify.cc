// Whether the records of a batch or of scores are what this model answers: computed again, at any batch size.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "interrupt.h"
#include "isobatch/error.h"
#include "model_path.h"
#include "options.h"
#include "verify_job.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;  // its semantics come from the records
  Tuning tuning;
  VerifyPlan plan;
  std::string output;
  std::string input;
  bool json = false;
};

constexpr std::size_t kMostMissingListed = 20;

// "5%" or "0.05".
double read_share(const std::string& text) {
  const bool percent = text.ends_with('%');
  double value = 0;
  const char* const end = text.data() + text.size() - (percent ? 1 : 0);
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (percent) value /= 100;
  if (error != std::errc() || stop != end || !(value >= 0 && value <= 1)) {
    throw CLI::ValidationError("--sample", fmt::format("expected a share from 0% to 100%, got {}", text));
  }
  return value;
}

void print_text(const Verdicts& verdicts, const LineIndex& input) {
  for (const auto& [line, wrong] : verdicts.listed) {
    fmt::print("line {}{}: {}\n", line, wrong.custom_id.empty() ? "" : fmt::format(" ({})", wrong.custom_id),
               wrong.reason);
  }
  if (verdicts.wrong > verdicts.listed.size()) {
    fmt::print("and {} more\n", verdicts.wrong - verdicts.listed.size());
  }
  for (const std::size_t number : input.untaken_numbers(kMostMissingListed)) {
    fmt::print("line {} of the input has no record\n", number);
  }
  if (input.untaken() > kMostMissingListed) fmt::print("and {} more\n", input.untaken() - kMostMissingListed);
  fmt::print("{} records, {} computed again: {} hold, {} do not; {} lines have none\n", verdicts.records,
             verdicts.recomputed, verdicts.records - verdicts.wrong, verdicts.wrong, input.untaken());
}

void print_json(const Verdicts& verdicts, const LineIndex& input) {
  nlohmann::ordered_json json = {{"records", verdicts.records},
                                 {"recomputed", verdicts.recomputed},
                                 {"hold", verdicts.records - verdicts.wrong},
                                 {"wrong", nlohmann::ordered_json::array()},
                                 {"missing", input.untaken()}};
  for (const auto& [line, wrong] : verdicts.listed) {
    json["wrong"].push_back({{"line", line}, {"custom_id", wrong.custom_id}, {"reason", wrong.reason}});
  }
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int verify(const Options& options) {
  catch_interrupts();
  LineIndex input(options.input);
  ModelOptions model_options = options.model;
  if (const auto semantics = semantics_of(usual_fingerprint(options.output)))
    model_options.semantics = *semantics;
  Verdicts verdicts;
  if (!verify_records(options.output, input, load_model(model_options), options.tuning, options.plan,
                      verdicts)) {
    fmt::print(stderr, "isobatch: interrupted\n");
    return kInterrupted;
  }
  (options.json ? print_json : print_text)(verdicts, input);
  return verdicts.wrong == 0 && input.untaken() == 0 ? kAnswered : kSomeFailed;
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  options->tuning.max_batch = 24;  // not what batch has by default
  CLI::App* command =
      app.add_subcommand("verify", "Compute the records of batch or score again and say which hold");
  command->add_option("output", options->output, "what batch or score has written")->required();
  command->add_option("input", options->input, "what it has read")->required();
  command->add_option("-m,--model", options->model.model, "the model, as for batch")->capture_default_str();
  command->add_option_function<std::string>(
      "--sample", [options](const std::string& text) { options->plan.share = read_share(text); },
      "compute only so many again: 5%; the others are checked as far as they can be without");
  command->add_option("--sample-seed", options->plan.seed, "another sample")->capture_default_str();
  command->add_option("--batch-size", options->tuning.max_batch, "most requests that run at once")
      ->check(integer_in(1, 1 << 16))
      ->capture_default_str();
  command->add_flag("--json", options->json, "as JSON");
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return verify(*options); }; });
}

}  // namespace isobatch::cli
