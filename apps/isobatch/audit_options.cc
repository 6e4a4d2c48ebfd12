#include "audit_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <set>

#include "isobatch/error.h"
#include "model_path.h"
#include "options.h"

namespace isobatch::cli {
namespace {

constexpr const char* kDefaultModel = "smollm2";

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

struct Label {
  std::string label, name;
};
// "broken=padded"; an adapter's own command may hold any sign.
Label read_label(const std::string& engine) {
  const std::size_t equals = engine.find('=');
  if (engine.starts_with("command:") || equals == std::string::npos) return {engine, engine};
  return {engine.substr(0, equals), engine.substr(equals + 1)};
}

// The label that a value is for, if it begins with one of `labels` and a colon.
std::optional<std::string> prefix_of(const std::string& value, const std::vector<std::string>& labels) {
  for (const std::string& label : labels) {
    if (value.starts_with(label + ":")) return label;
  }
  return std::nullopt;
}

void add_factors(CLI::App& app, std::set<audit::Factor>& factors) {
  const auto read = [&factors](const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      const auto factor = audit::factor_of_key(key);
      if (!factor) throw CLI::ValidationError("--factors", fmt::format("no factor {}; see --list", key));
      factors.insert(*factor);
    }
  };
  app.add_option_function<std::vector<std::string>>("--factors", read, "only these, by key (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void add_rules(CLI::App& app, std::vector<audit::FailRule>& rules) {
  const auto read = [&rules](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      try {
        rules.push_back(audit::parse_fail_rule(text));
      } catch (const Error& error) {
        throw CLI::ValidationError("--fail-on", error.what());
      }
    }
  };
  app.add_option_function<std::vector<std::string>>(
         "--fail-on", read, "exit with 3 on this: flips>N, flips>N%, bug, drift, or worse than the baseline")
      ->take_all()
      ->allow_extra_args(false);
}

void add_amounts(CLI::App& app, AuditCommand& command) {
  audit::AuditOptions& options = command.options;
  CLI::Option* limit =
      app.add_option("--limit", command.limit, "prompts to use, from the first (default: all)")
          ->check(integer_in(1, INT_MAX));
  CLI::Option* sizes = app.add_option("--batch-sizes", options.batch_sizes, "compared with batch 1")
                           ->delimiter(',')
                           ->allow_extra_args(false)
                           ->check(integer_in(2, 1 << 12))
                           ->capture_default_str();
  CLI::Option* size = app.add_option("--batch-size", options.batch_size, "where another factor needs a batch")
                          ->check(integer_in(2, 1 << 12))
                          ->capture_default_str();
  CLI::Option* tokens = app.add_option("--max-tokens", options.max_tokens, "most new tokens of an answer")
                            ->check(integer_in(1, 1 << 20))
                            ->capture_default_str();
  CLI::Option* probes =
      app.add_option("--probes", options.probes, "prompts of the factors that are measured one at a time")
          ->check(integer_in(1, INT_MAX))
          ->capture_default_str();
  app.add_flag_callback(
      "--quick",
      [&command, &options, limit, size, sizes, tokens, probes] {
        if (limit->empty()) command.limit = 16;
        if (sizes->empty()) options.batch_sizes = {4};
        if (size->empty()) options.batch_size = 4;
        if (tokens->empty()) options.max_tokens = 10;
        if (probes->empty()) options.probes = 4;
      },
      "a first look: 16 prompts, batch 4, 10 tokens, 4 probes");
  app.add_option("--seed", options.seed, "of orders and of neighbours' content")->capture_default_str();
}

void add_engine_options(CLI::App& app, AuditCommand& command) {
  app.add_option(
         "--engine", command.engines,
         "an engine to audit, see --list; may be given several times; LABEL=NAME names it in the report")
      ->take_all()
      ->allow_extra_args(false)
      ->capture_default_str();
  add_per_engine(app, "-m,--model", command.models,
                 "GGUF file, Hugging Face directory, or smollm2 for the cached default model, the default");
  add_per_engine(app, "--dtype", command.dtypes, "of the base (default: the engine's)");
  add_per_engine(app, "--threads", command.threads, "threads (default: the engine's)");
  add_per_engine(app, "--url", command.urls, "of a running server: http://host:port/v1");
  add_per_engine(app, "--api-key-env", command.key_variables, "environment variable that holds the key");
  add_per_engine(app, "--model-name", command.model_names,
                 "model to ask the server for (default: its first)");
  add_per_engine(app, "--fault", command.faults, "planted in padded, see --list; may be given several times");
  add_per_engine(app, "--set", command.settings, "key=value, a setting of the engine's own");
  app.add_option("--timeout", command.timeout_seconds,
                 "seconds without an answer until an engine counts as hanging")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--cache", command.cache, "folder of the engines' environments (default: the user's cache)");
}

int thread_count(const std::string& text) {
  int count = 0;
  if (!CLI::detail::lexical_cast(text, count) || count < 1 || count > 1024) {
    refuse(fmt::format("--threads: expected an integer from 1 to 1024, got {}", text));
  }
  return count;
}

std::string key_in(const std::string& variable) {
  if (variable.empty()) return {};
  const char* key = std::getenv(variable.c_str());
  if (!key || !*key) refuse(fmt::format("--api-key-env: the environment has no {}", variable));
  return key;
}

std::pair<std::string, std::string> read_setting(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos)
    refuse(fmt::format("--set: expected key=value, got {}", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

CLI::Option* add_per_engine(CLI::App& app, const std::string& flag, PerEngine& target,
                            const std::string& help) {
  return app.add_option(flag, target.values, help + "; NAME:… for one of several engines")
      ->take_all()
      ->allow_extra_args(false);
}

void read_model(const PerEngine& models, const std::string& label, const std::vector<std::string>& labels,
                audit::EngineOptions& options) {
  options.model = find_model(models.last_for(label, labels, kDefaultModel));
}

void read_settings(const PerEngine& settings, const std::string& label,
                   const std::vector<std::string>& labels, audit::EngineOptions& options) {
  for (const std::string& setting : settings.all_for(label, labels)) {
    options.settings.push_back(read_setting(setting));
  }
}

std::vector<std::string> PerEngine::all_for(const std::string& label,
                                            const std::vector<std::string>& labels) const {
  std::vector<std::string> general, own;
  for (const std::string& value : values) {
    const auto prefix = prefix_of(value, labels);
    if (!prefix) {
      general.push_back(value);
    } else if (*prefix == label) {
      own.push_back(value.substr(label.size() + 1));
    }
  }
  general.insert(general.end(), own.begin(), own.end());
  return general;
}

std::string PerEngine::last_for(const std::string& label, const std::vector<std::string>& labels,
                                const std::string& otherwise) const {
  const std::vector<std::string> all = all_for(label, labels);
  return all.empty() ? otherwise : all.back();
}

void add_audit_options(CLI::App& app, AuditCommand& command) {
  add_engine_options(app, command);
  app.add_option("--prompts", command.prompts,
                 "JSONL file: lines as batch takes them, or messages and answers")
      ->take_last();
  add_amounts(app, command);
  add_factors(app, command.options.factors);
  app.add_option("--html", command.html, "write the report as one page");
  app.add_option("--json", command.json, "write the report as JSON, docs/audit-schema.md");
  add_rules(app, command.fail_on);
  app.add_option("--baseline", command.baseline, "an earlier audit's JSON to compare with");
  app.add_option("--max-requests", command.max_requests, "ask before more requests than this go to a --url")
      ->capture_default_str();
  app.add_flag("-y,--yes", command.yes, "do not ask");
  app.add_option("--setup", command.setup,
                 "make the Python environment that hf, llama.cpp or openvino needs");
  app.add_flag("--list", command.list, "list engines, factors and planted faults");
}

std::vector<EngineRequest> engine_requests(const AuditCommand& command) {
  std::vector<std::string> labels;
  for (const std::string& engine : command.engines) {
    const std::string label = read_label(engine).label;
    if (label.empty()) refuse(fmt::format("--engine: {} has no name", engine));
    if (std::ranges::find(labels, label) != labels.end()) {
      refuse(fmt::format("--engine: {} is there twice; LABEL=NAME gives one another name", label));
    }
    labels.push_back(label);
  }
  const std::vector<std::string> known = audit::engine_names();
  std::vector<EngineRequest> requests;
  for (const std::string& engine : command.engines) {
    const auto [label, name] = read_label(engine);
    if (!name.starts_with("command:") && std::ranges::find(known, name) == known.end()) {
      refuse(fmt::format("--engine: no engine {}; there are {}", name, fmt::join(known, ", ")));
    }
    EngineRequest request{label, name, {}, command.dtypes.last_for(label, labels, "")};
    audit::EngineOptions& options = request.options;
    options.url = command.urls.last_for(label, labels, "");
    // A server has its model.
    const bool needs_model = options.url.empty() && name != "openai";
    if (needs_model || !command.models.all_for(label, labels).empty()) {
      read_model(command.models, label, labels, options);
    }
    options.api_key = key_in(command.key_variables.last_for(label, labels, ""));
    options.model_name = command.model_names.last_for(label, labels, "");
    const std::string threads = command.threads.last_for(label, labels, "");
    if (!threads.empty()) options.threads = thread_count(threads);
    options.timeout_seconds = command.timeout_seconds;
    options.cache = command.cache;
    if (name == "padded") options.faults = command.faults.all_for(label, labels);
    read_settings(command.settings, label, labels, options);
    requests.push_back(std::move(request));
  }
  const bool faults_have_a_place =
      std::ranges::any_of(requests, [](const EngineRequest& r) { return !r.options.faults.empty(); });
  if (!command.faults.values.empty() && !faults_have_a_place) {
    refuse("--fault: faults are planted in padded, and no --engine is it");
  }
  return requests;
}

std::string shell_line(const std::vector<std::string>& arguments) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace isobatch::cli
