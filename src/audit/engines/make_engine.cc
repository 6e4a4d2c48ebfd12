// The table of engines under test.
#include <fmt/format.h>

#include <array>
#include <string>

#include "audit/engines/child_engine.h"
#include "audit/engines/isobatch_engine.h"
#include "audit/engines/openai_engine.h"
#include "audit/engines/python_environment.h"
#include "audit/padded/padded_engine.h"
#include "isobatch/audit/engines.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

constexpr std::string_view kCommand = "command:";

constexpr PythonAdapter kHf = {
    "hf", "isobatch_audit.hf", "requirements-hf.txt",
    "fetching transformers and torch from PyPI. Its torch for Linux brings about 2.5 GB of CUDA libraries, "
    "with "
    "or without a GPU; PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu makes pip take the build "
    "for CPUs, 200 MB"};

constexpr PythonAdapter kLlamaCpp = {"llama.cpp", "isobatch_audit.llama_cpp", "requirements-llama.cpp.txt",
                                     "fetching llama-cpp-python from PyPI and building it from source, which "
                                     "needs a C++ compiler and minutes"};

constexpr PythonAdapter kOpenVino = {"openvino", "isobatch_audit.openvino", "requirements-openvino.txt",
                                     "fetching openvino-genai from PyPI, 85 MB"};

std::unique_ptr<EngineUnderTest> make_python_engine(const PythonAdapter& adapter, EngineOptions options) {
  ChildCommand command = adapter_command(adapter, options);
  return std::make_unique<ChildEngine>(adapter.engine, std::move(command), std::move(options));
}

template <const PythonAdapter& adapter>
std::unique_ptr<EngineUnderTest> make_with(const EngineOptions& options) {
  return make_python_engine(adapter, options);
}

std::unique_ptr<EngineUnderTest> make_llama_cpp(const EngineOptions& options) {
  if (options.url.empty()) return make_python_engine(kLlamaCpp, options);
  return std::make_unique<OpenAiEngine>("llama.cpp", options);
}

std::unique_ptr<EngineUnderTest> make_openai(const EngineOptions& options) {
  return std::make_unique<OpenAiEngine>("openai", options);
}

template <typename Own>
std::unique_ptr<EngineUnderTest> make_own(const EngineOptions& options) {
  if (!options.settings.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("engine: there is no setting '{}' here", options.settings[0].first));
  }
  return std::make_unique<Own>(options);
}

struct Engine {
  std::string_view name;
  std::unique_ptr<EngineUnderTest> (*make)(const EngineOptions& options);
  const PythonAdapter* python = nullptr;  // what its set-up makes; null: it needs none
};

// In the order of lists and messages.
constexpr std::array kEngines = {
    Engine{"isobatch", make_own<IsobatchEngine>},
    Engine{"padded", make_own<PaddedEngine>},
    Engine{"hf", make_with<kHf>, &kHf},
    Engine{"llama.cpp", make_llama_cpp, &kLlamaCpp},
    Engine{"openvino", make_with<kOpenVino>, &kOpenVino},
    Engine{"openai", make_openai},
};

const Engine& find(std::string_view name) {
  for (const Engine& engine : kEngines) {
    if (engine.name == name) return engine;
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("engine: expected one of {}, or command:…; got \"{}\"",
                                                       fmt::join(engine_names(), ", "), name));
}

}  // namespace

std::vector<std::string> engine_names() {
  std::vector<std::string> names;
  for (const Engine& engine : kEngines) names.emplace_back(engine.name);
  return names;
}

std::unique_ptr<EngineUnderTest> make_engine(std::string_view name, const EngineOptions& options) {
  if (name.starts_with(kCommand)) {
    const std::string command(name.substr(kCommand.size()));
    if (command.empty()) throw Error(ErrorCode::invalid_argument, "engine: command: without a command");
    return std::make_unique<ChildEngine>("", ChildCommand{{"/bin/sh", "-c", command}, {}}, options);
  }
  return find(name).make(options);
}

std::vector<std::pair<std::string, std::string>> planted_faults() {
  std::vector<std::pair<std::string, std::string>> faults;
  for (const padded::FaultName& fault : padded::fault_names()) faults.emplace_back(fault.name, fault.what);
  return faults;
}

void set_up_engine(std::string_view name, const EngineOptions& options,
                   const std::function<void(std::string_view line)>& log) {
  const Engine& engine = find(name);
  if (engine.python) make_environment(*engine.python, options, log);
}

}  // namespace isobatch::audit
