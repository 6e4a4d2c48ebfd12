// How far an engine's answers depend on what should not matter, and why.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "atomic_file.h"
#include "audit_options.h"
#include "commands.h"
#include "interrupt.h"
#include "isobatch/error.h"
#include "progress.h"

namespace isobatch::cli {
namespace {

constexpr int kWidthOfPipes = 120;

int list() {
  std::string text = "engines\n";
  for (const std::string& name : audit::engine_names()) text += fmt::format("  {}\n", name);
  text += "factors\n";
  for (int i = 0; i < audit::kFactors; ++i) {
    const auto factor = static_cast<audit::Factor>(i);
    text += fmt::format("  {:<16} {}\n", audit::key_of(factor), audit::name_of(factor));
  }
  text += "faults that padded can have\n";
  for (const auto& [name, effect] : audit::planted_faults())
    text += fmt::format("  {:<24} {}\n", name, effect);
  fmt::print("{}", text);
  return kAnswered;
}

int set_up(const AuditCommand& command) {
  const std::vector<std::string> known = audit::engine_names();
  if (std::ranges::find(known, command.setup) == known.end()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("--setup: no engine {}; see --list", command.setup));
  }
  audit::EngineOptions options;
  options.cache = command.cache;
  options.timeout_seconds = command.timeout_seconds;
  audit::set_up_engine(command.setup, options,
                       [](std::string_view line) { fmt::print(stderr, "{}\n", line); });
  fmt::print(stderr, "isobatch: {} is set up\n", command.setup);
  return kAnswered;
}

audit::AuditReport read_baseline(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, fmt::format("--baseline: cannot read {}", path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    return audit::report_from_json(text);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("--baseline: {}: {}", path, error.what()));
  }
}

// Whether so many requests may go to a server; asks if somebody is there to answer.
void ask_for_requests(const AuditCommand& command, const std::string& label, std::uint64_t requests) {
  if (command.yes || requests <= command.max_requests) return;
  const std::string what = fmt::format("the audit of {} sends {} requests, more than --max-requests {}",
                                       label, requests, command.max_requests);
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    throw Error(ErrorCode::invalid_argument, what + "; --yes allows them");
  }
  fmt::print(stderr, "isobatch: {}. Go on? [y/N] ", what);
  std::fflush(stderr);
  const int answer = std::getchar();
  if (answer != 'y' && answer != 'Y') throw Error(ErrorCode::invalid_argument, "not sent, as you wish");
}

audit::AuditOptions options_for(const AuditCommand& command, const EngineRequest& request) {
  audit::AuditOptions options = command.options;
  options.dtype = request.dtype;
  return options;
}

audit::EngineReport failed_report(const EngineRequest& request, std::string_view error) {
  audit::EngineReport report;
  report.info.name = request.label;
  report.info.model = request.options.model.filename().string();
  report.error = error;
  report.verdicts.push_back({audit::VerdictKind::not_measured,
                             fmt::format("{} could not be audited.", request.label),
                             {std::string(error)},
                             ""});
  return report;
}

// An engine on its way from the command line into the report.
struct Subject {
  EngineRequest request;
  std::unique_ptr<audit::EngineUnderTest> engine;  // those that ask a server are made first
  std::string error;

  void make() {
    try {
      engine = audit::make_engine(request.name, request.options);
    } catch (const Error& failure) {
      error = failure.what();
    }
  }
};

audit::EngineReport audit_subject(Subject& subject, const std::vector<audit::Prompt>& prompts,
                                  const AuditCommand& command) {
  const std::string& label = subject.request.label;
  ProgressBar bar(label, 1000);
  const auto progress = [&bar](std::string_view, double fraction) {
    bar.update(static_cast<std::size_t>(std::max(fraction, 0.0) * 1000));
    return !interrupted();
  };
  if (!progress("starting", 0)) return failed_report(subject.request, "stopped before it began");
  if (!subject.engine && subject.error.empty()) subject.make();
  if (!subject.engine) return failed_report(subject.request, subject.error);
  audit::EngineReport report;
  try {
    report = audit::audit_engine(*subject.engine, prompts, options_for(command, subject.request), progress);
  } catch (const Error& failure) {
    report = failed_report(subject.request, failure.what());
  }
  report.info.name = label;
  subject.engine.reset();  // two models need not be in memory at once
  return report;
}

std::vector<Subject> subjects_of(const AuditCommand& command, std::size_t prompts) {
  std::vector<Subject> subjects;
  for (EngineRequest& request : engine_requests(command))
    subjects.push_back({std::move(request), nullptr, ""});
  for (Subject& subject : subjects) {
    if (subject.request.options.url.empty()) continue;
    subject.make();
    if (!subject.engine) continue;
    ask_for_requests(
        command, subject.request.label,
        audit::count_requests(subject.engine->info(), prompts, options_for(command, subject.request)));
  }
  return subjects;
}

void print_report(const audit::AuditReport& report, const audit::Judgement& judgement) {
  winsize size{};
  const bool terminal = isatty(STDOUT_FILENO);
  const bool known = terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const bool color = terminal && !std::getenv("NO_COLOR");
  fmt::print("{}", audit::to_text(report, known ? size.ws_col : kWidthOfPipes, color, judgement));
}

int run_audit(const AuditCommand& command, const std::string& command_line) {
  if (command.list) return list();
  if (!command.setup.empty()) return set_up(command);
  // Whatever can be refused is refused before the work.
  std::vector<audit::Prompt> prompts = audit::read_prompts(command.prompts);
  if (command.limit > 0 && prompts.size() > command.limit) prompts.resize(command.limit);
  std::optional<audit::AuditReport> baseline;
  if (!command.baseline.empty()) baseline = read_baseline(command.baseline);
  for (const audit::FailRule& rule : command.fail_on) {
    if (rule.kind == audit::FailRule::Kind::worse && !baseline) {
      throw Error(ErrorCode::invalid_argument, "--fail-on worse: needs a --baseline");
    }
  }
  std::optional<AtomicFile> html, json;
  if (!command.html.empty()) html.emplace(command.html);
  if (!command.json.empty()) json.emplace(command.json);
  audit::AuditReport report =
      audit::start_report(command.prompts, prompts.size(), command.options, command_line);

  catch_interrupts();
  bool failed = false;
  std::vector<Subject> subjects = subjects_of(command, prompts.size());
  for (Subject& subject : subjects) {
    report.engines.push_back(audit_subject(subject, prompts, command));
    failed |= !report.engines.back().error.empty();
  }

  audit::Judgement judgement;
  if (baseline) judgement.baseline = audit::compare_with_baseline(report, *baseline);
  judgement.gated = !command.fail_on.empty();
  judgement.failures =
      audit::failures(report, command.fail_on, judgement.baseline ? &*judgement.baseline : nullptr);
  if (html) html->write(audit::to_html(report, judgement));
  if (json) json->write(audit::to_json(report));
  print_report(report, judgement);
  if (interrupted()) {
    fmt::print(stderr, "isobatch: interrupted; the report has what was measured until then\n");
    return kInterrupted;
  }
  if (!judgement.failures.empty()) return kGateFailed;
  return failed ? kSomeFailed : kAnswered;
}

}  // namespace

void add_audit(CLI::App& app, Run& run, const std::vector<std::string>& arguments) {
  const auto command = std::make_shared<AuditCommand>();
  CLI::App* subcommand = app.add_subcommand(
      "audit", "Measure how an engine's answers move with what should not matter, and say why");
  add_audit_options(*subcommand, *command);
  subcommand->callback([command, arguments, &run] {
    run = [command, arguments] { return run_audit(*command, shell_line(arguments)); };
  });
}

}  // namespace isobatch::cli
