// The subcommands, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace isobatch::cli {

// What to do once the command line is read; returns the exit code.
using Run = std::function<int()>;

// Exit codes of all subcommands. Bad use, and whatever else kept the job from running, is kFailed: then no
// output was written.
constexpr int kAnswered = 0;  // all was answered
constexpr int kSomeFailed = 1;
constexpr int kFailed = 2;
constexpr int kInterrupted = 130;

// Each adds its subcommand to `app`; when that is the one chosen, parsing sets `run`.
void add_generate(CLI::App& app, Run& run);
void add_batch(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_info(CLI::App& app, Run& run);
void add_score(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_yesno(CLI::App& app, Run& run);

}  // namespace isobatch::cli
