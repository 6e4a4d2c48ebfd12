// The subcommands, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace isobatch::cli {

// What to do once the command line is read; returns the exit code.
using Run = std::function<int()>;

// Exit codes of all subcommands. Bad use, and whatever else kept the job from running, is kFailed: then no
// output was written.
constexpr int kAnswered = 0;  // all was answered
constexpr int kSomeFailed = 1;
constexpr int kFailed = 2;
constexpr int kGateFailed = 3;  // an audit breaks what --fail-on says
constexpr int kInterrupted = 130;

// Each adds its subcommand to `app`; when that is the one chosen, parsing sets `run`.
// `arguments`: the command line, which the report repeats.
void add_audit(CLI::App& app, Run& run, const std::vector<std::string>& arguments);
void add_trace(CLI::App& app, Run& run, const std::vector<std::string>& arguments);
void add_generate(CLI::App& app, Run& run);
void add_batch(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_info(CLI::App& app, Run& run);
void add_score(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_yesno(CLI::App& app, Run& run);

}  // namespace isobatch::cli
