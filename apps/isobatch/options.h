// Options that subcommands share.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "isobatch/engine.h"
#include "isobatch/model.h"
#include "isobatch/options.h"
#include "isobatch/request.h"

namespace isobatch::cli {

struct ModelOptions {
  std::string model = "smollm2";  // a path, or the name of the cached default
  Semantics semantics;
  std::string packed_cache;  // a folder; empty: none
};
void add_model_options(CLI::App& app, ModelOptions& options);

// All of Tuning but the batch size.
void add_tuning_options(CLI::App& app, Tuning& tuning);
void add_threads_option(CLI::App& app, Tuning& tuning);
void add_kernels_option(CLI::App& app, Tuning& tuning);
void add_chunk_option(CLI::App& app, Tuning& tuning);
void add_speculate_option(CLI::App& app, Tuning& tuning);

// Sampling, --max-tokens, --stop, --ignore-eos, --json-schema, --regex; their defaults are what `request`
// holds.
void add_request_options(CLI::App& app, Request& request);

void add_constraint_options(CLI::App& app, Constraint& constraint);

// ", 12 of 30 drafted tokens accepted"; empty when none was drafted.
std::string describe_drafts(const EngineStats& stats);

CLI::Validator integer_in(int least, int most);

// Loads the model, with a progress bar. Throws Error; not_found says how to get the default model.
std::shared_ptr<const Model> load_model(const ModelOptions& options);

}  // namespace isobatch::cli
