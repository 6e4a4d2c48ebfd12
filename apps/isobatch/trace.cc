// Two runs of a prompt, operation by operation: where their bits part, and how the difference grows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "atomic_file.h"
#include "audit_options.h"
#include "commands.h"
#include "isobatch/audit/audit.h"
#include "isobatch/audit/engines.h"
#include "isobatch/audit/render.h"
#include "isobatch/error.h"
#include "options.h"
#include "table.h"

namespace isobatch::cli {
namespace {

struct TraceCommand {
  std::string a, b;
  PerEngine models, settings;
  double timeout_seconds = audit::EngineOptions{}.timeout_seconds;
  std::string cache;
  std::string prompts = ISOBATCH_SOURCE_DIR "/prompts/yesno.jsonl";
  std::size_t prompt = 1;  // in the file, from 1
  int steps = 2;
  std::string html;
  bool all = false;
};

std::unique_ptr<audit::EngineUnderTest> make(const TraceCommand& command, const audit::TracedRun& run,
                                             const std::vector<std::string>& engines) {
  audit::EngineOptions options;
  read_model(command.models, run.engine, engines, options);
  read_settings(command.settings, run.engine, engines, options);
  options.timeout_seconds = command.timeout_seconds;
  options.cache = command.cache;
  options.faults = run.faults;
  return audit::make_engine(run.engine, options);
}

std::string scientific(double value) { return value == 0 ? "0" : fmt::format("{:.1e}", value); }

std::string place(const audit::GrowthPoint& point) {
  return fmt::format("{}, {}", point.op,
                     point.step == 0 ? std::string("prompt") : fmt::format("new token {}", point.step));
}

// The stream after each layer, or every operation.
void print_growth(const audit::TraceComparison& trace, bool all) {
  Table table({"operation", "step", "greatest\ndifference", "relative", "last\nplaces", "inputs"});
  std::size_t left_out = 0;
  for (const audit::GrowthPoint& point : trace.growth) {
    const bool shown = all || point.layer < 0 || point.op.ends_with(".ffn_residual") ||
                       (trace.first && point.op == trace.first->op && point.step == trace.first->step) ||
                       (trace.jump && point.op == trace.jump->op && point.step == trace.jump->step);
    if (!shown) {
      ++left_out;
      continue;
    }
    table.add_row({point.op, std::to_string(point.step), scientific(point.max_difference),
                   scientific(point.relative), fmt::format("{:.0f}", point.max_ulp),
                   point.inputs_equal ? "equal" : "differ"});
  }
  fmt::print("{}", table.to_text());
  if (left_out > 0) fmt::print("{} operations are not shown; --all shows them\n", left_out);
}

void print_findings(const audit::TraceComparison& trace) {
  if (!trace.first) {
    fmt::print("No operation differs in a bit ({} compared).\n", trace.growth.size());
    return;
  }
  const audit::GrowthPoint& first = *trace.first;
  fmt::print("First difference: {}, of shape [{} tokens, {}], by up to {:.0f} last places; its inputs {}.\n",
             place(first), trace.shape.at(0), trace.shape.at(1), first.max_ulp,
             first.inputs_equal ? "are equal" : "are not all equal, or not seen");
  if (trace.jump) {
    fmt::print("Beyond rounding: {} is off by {:.2g} although what it reads agrees. Look there.\n",
               place(*trace.jump), trace.jump->relative);
  } else {
    fmt::print("No operation goes beyond rounding on its own.\n");
  }
}

int run_trace(const TraceCommand& command, const std::string& command_line) {
  const std::vector<audit::Prompt> prompts = audit::read_prompts(command.prompts);
  if (command.prompt > prompts.size()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("--prompt: {} has {} prompts, {} is asked for",
                                                         command.prompts, prompts.size(), command.prompt));
  }
  const audit::TracedRun a = audit::parse_traced_run(command.a), b = audit::parse_traced_run(command.b);
  std::optional<AtomicFile> html;
  if (!command.html.empty()) html.emplace(command.html);
  // One engine serves both runs if nothing but how it is run differs.
  const std::vector<std::string> engines = {a.engine, b.engine};
  const auto engine_a = make(command, a, engines);
  const bool same = a.engine == b.engine && a.faults == b.faults;
  const auto own_b = same ? nullptr : make(command, b, engines);
  audit::EngineUnderTest& engine_b = same ? *engine_a : *own_b;
  const audit::TraceComparison trace =
      audit::trace_runs(*engine_a, a, engine_b, b, prompts, command.prompt - 1, command.steps);
  print_growth(trace, command.all);
  print_findings(trace);
  if (html) {
    audit::AuditReport report = audit::start_report(command.prompts, 1, {}, command_line);
    audit::EngineReport engine;
    engine.info = engine_a->info();
    if (!same) engine.info.name += " against " + engine_b.info().name;
    audit::Verdict verdict;
    verdict.kind = trace.first ? audit::VerdictKind::not_measured : audit::VerdictKind::none;
    verdict.sentence = trace.first
                           ? "Two runs of one prompt: " + place(*trace.first) + " is the first to differ."
                           : "Two runs of one prompt: no operation differs in a bit.";
    engine.verdicts.push_back(std::move(verdict));
    engine.traces.push_back(trace);
    report.engines.push_back(std::move(engine));
    html->write(audit::to_html(report));
  }
  return trace.first ? kSomeFailed : kAnswered;
}

}  // namespace

void add_trace(CLI::App& app, Run& run, const std::vector<std::string>& arguments) {
  const auto command = std::make_shared<TraceCommand>();
  CLI::App* sub = app.add_subcommand(
      "trace", "Compare two runs of a prompt operation by operation: the first whose bits differ");
  sub->add_option("--a", command->a,
                  "ENGINE or ENGINE:key=value,…; keys: batch, order (given, reversed), "
                  "neighbours (a, b), dtype, kv_dtype, side (left, right), value, extra, "
                  "kv_cache (on, off), chunk, threads, fault")
      ->required();
  sub->add_option("--b", command->b, "the other run, likewise")->required();
  add_per_engine(*sub, "-m,--model", command->models,
                 "GGUF file, Hugging Face directory, or smollm2 for the cached default model, the default");
  add_per_engine(*sub, "--set", command->settings, "key=value, a setting of the engine's own");
  sub->add_option("--timeout", command->timeout_seconds,
                  "seconds without an answer until an engine counts as hanging")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option("--cache", command->cache,
                  "folder of the engines' environments (default: the user's cache)");
  sub->add_option("--prompts", command->prompts, "JSONL file");
  sub->add_option("--prompt", command->prompt, "which of them, from 1")
      ->check(integer_in(1, 1 << 30))
      ->capture_default_str();
  sub->add_option("--steps", command->steps, "forward passes: the prompt, then new tokens")
      ->check(integer_in(1, 1 << 16))
      ->capture_default_str();
  sub->add_flag("--all", command->all, "show every operation");
  sub->add_option("--html", command->html, "write a page with a plot of the growth");
  sub->callback([command, arguments, &run] {
    run = [command, arguments] { return run_trace(*command, shell_line(arguments)); };
  });
}

}  // namespace isobatch::cli
