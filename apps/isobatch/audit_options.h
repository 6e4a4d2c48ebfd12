// The command line of `audit`, as read, and what each engine is to have of it.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "isobatch/audit/audit.h"
#include "isobatch/audit/engines.h"
#include "isobatch/audit/gate.h"

namespace isobatch::cli {

// Values of an option that may be for one engine ("hf:/models/llama") or for all ("/models/llama").
struct PerEngine {
  std::vector<std::string> values;

  // Those for `label`, the prefix taken off, after those for all. `labels` tells a prefix from a colon in a
  // value.
  std::vector<std::string> all_for(const std::string& label, const std::vector<std::string>& labels) const;
  // The last of them, or `otherwise`.
  std::string last_for(const std::string& label, const std::vector<std::string>& labels,
                       const std::string& otherwise) const;
};

// An option whose values go into `target`.
CLI::Option* add_per_engine(CLI::App& app, const std::string& flag, PerEngine& target,
                            const std::string& help);

// The model and the settings of engine `label`; smollm2 where no model is named. Throws Error.
void read_model(const PerEngine& models, const std::string& label, const std::vector<std::string>& labels,
                audit::EngineOptions& options);
void read_settings(const PerEngine& settings, const std::string& label,
                   const std::vector<std::string>& labels, audit::EngineOptions& options);

struct AuditCommand {
  std::vector<std::string> engines = {"isobatch"};  // "padded", "broken=padded"
  PerEngine models, dtypes, threads, urls, key_variables, model_names, faults, settings;
  double timeout_seconds = audit::EngineOptions{}.timeout_seconds;
  std::string cache;

  std::string prompts = ISOBATCH_SOURCE_DIR "/prompts/yesno.jsonl";
  std::size_t limit = 0;  // of prompts; 0: all
  audit::AuditOptions options;
  std::uint64_t max_requests = 1000;  // to a service, without asking
  bool yes = false;

  std::string html, json, baseline;
  std::vector<audit::FailRule> fail_on;
  std::string setup;
  bool list = false;
};
void add_audit_options(CLI::App& app, AuditCommand& command);

struct EngineRequest {
  std::string label;  // name in the report
  std::string name;   // for make_engine
  audit::EngineOptions options;
  std::string dtype;
};
// One for each --engine. Throws Error(invalid_argument) for settings that no engine takes, and
// Error(not_found) for the default model only.
std::vector<EngineRequest> engine_requests(const AuditCommand& command);

// As a shell would read it back.
std::string shell_line(const std::vector<std::string>& arguments);

}  // namespace isobatch::cli
