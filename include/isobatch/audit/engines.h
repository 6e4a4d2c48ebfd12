// The engines that can be audited.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "isobatch/audit/engine.h"

namespace isobatch::audit {

struct EngineOptions {
  std::filesystem::path model;  // GGUF file or Hugging Face directory, as the engine can read
  std::string url;              // openai: "http://host:port/v1"; llama.cpp: of a running llama-server
  std::string api_key;
  std::string model_name;  // openai: "model" of the requests; empty: the first that /models names
  int threads = 0;
  double timeout_seconds = 600;     // without an answer, an engine counts as hanging
  std::filesystem::path cache;      // where virtual environments are made; empty: the user's cache folder
  std::vector<std::string> faults;  // padded: planted ones, by name
  // What only this engine has: docs/audit-adapters.md. An engine refuses keys that it does not know.
  std::vector<std::pair<std::string, std::string>> settings;
};

// "isobatch", "padded", "hf", "llama.cpp", "openvino", "openai".
std::vector<std::string> engine_names();

// Starts an engine by name; "command:…" is an adapter of the user's own, a shell command that speaks the
// protocol of docs/audit-adapters.md. Throws Error: invalid_argument for a name that is none or a setting
// that it does not know, unsupported with what to do when its set-up is missing ("isobatch audit --setup
// hf"), io when its process fails, and what loading a model throws.
std::unique_ptr<EngineUnderTest> make_engine(std::string_view name, const EngineOptions& options);

// Makes the Python environment that hf, llama.cpp or openvino needs; `log` gets lines of its output. Does
// nothing for the others. Throws Error when it fails.
void set_up_engine(std::string_view name, const EngineOptions& options,
                   const std::function<void(std::string_view line)>& log);

// Names of the planted faults of `padded`, with what each does.
std::vector<std::pair<std::string, std::string>> planted_faults();

}  // namespace isobatch::audit
