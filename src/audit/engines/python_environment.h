// Where the Python of an adapter is, and how its virtual environment is made.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "audit/engines/child_process.h"
#include "isobatch/audit/engines.h"

namespace isobatch::audit {

struct PythonAdapter {
  std::string_view engine;        // its name in engine_names()
  std::string_view module;        // "isobatch_audit.hf"
  std::string_view requirements;  // the embedded list of packages
  std::string_view notice;        // said before they are fetched
};

// The command that runs the adapter: the Python that the setting "python" names, which is taken out of
// `options`, or that of the environment. The adapters are written into the cache folder first if they are not
// there. Throws Error(unsupported) with what to do when there is no environment, and io.
ChildCommand adapter_command(const PythonAdapter& adapter, EngineOptions& options);

// Makes the environment if it is not there or was made for other packages. Throws Error.
void make_environment(const PythonAdapter& adapter, const EngineOptions& options,
                      const std::function<void(std::string_view line)>& log);

}  // namespace isobatch::audit
