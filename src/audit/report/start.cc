// What is known of an audit before it runs: where, when, with what.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <string>

#include "engine/file_hash.h"
#include "isobatch/audit/audit.h"
#include "isobatch/system.h"

namespace isobatch::audit {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

std::string describe_machine() {
  const SystemInfo system = system_info();
  utsname name{};
  ::uname(&name);
  return fmt::format("{}, {} CPU{} to use, {}; {} {}, {}", cpu_model(), system.cpus,
                     system.cpus == 1 ? "" : "s", system.cpu_features, name.sysname, name.release,
                     name.machine);
}

template <typename T>
std::string join(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", value);
  return text;
}

}  // namespace

AuditReport start_report(const std::filesystem::path& prompts_file, std::size_t prompts,
                         const AuditOptions& options, std::string command) {
  AuditReport report;
  report.isobatch_version = version();
  report.created = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  report.command = std::move(command);
  report.machine = describe_machine();
  report.prompts_name = prompts_file.filename().string();
  report.prompts_hash = engine::sha256_of_file(prompts_file);
  report.prompts = static_cast<int>(prompts);
  report.max_tokens = options.max_tokens;
  report.seed = options.seed;
  std::vector<std::string_view> factors;
  for (const Factor factor : options.factors) factors.push_back(key_of(factor));
  report.options = {{"batch sizes", join(options.batch_sizes)},
                    {"batch where a factor needs one", std::to_string(options.batch_size)},
                    {"logits compared", fmt::format("the first {} of an answer", options.logits_steps)},
                    {"probes", std::to_string(options.probes)},
                    {"factors", factors.empty() ? "all" : join(factors)},
                    {"dtype", options.dtype.empty() ? "each engine's default" : options.dtype}};
  return report;
}

}  // namespace isobatch::audit
