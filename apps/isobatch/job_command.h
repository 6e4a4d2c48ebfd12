// What the subcommands share that answer the lines of a file.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "line_job.h"
#include "options.h"

namespace isobatch::cli {

struct JobOptions {
  std::string input;
  std::string output;
  bool resume = false;
  bool unordered = false;
};
// And --batch-size.
void add_job_options(CLI::App& app, JobOptions& options, Tuning& tuning);

// Runs the job and says on stderr how it went, or how to go on. `identity`: what must be the same for an
// interrupted job to go on, beside the model. Returns the exit code. Throws Error.
int run_job(const JobOptions& job, const ModelOptions& model, const Tuning& tuning, JobIdentity identity,
            const std::function<ReadTask(std::shared_ptr<const Model>)>& make_reader);

}  // namespace isobatch::cli
