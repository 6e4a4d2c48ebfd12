// What this build is and what this machine lets it use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobatch {

std::string_view version();

struct KernelTableInfo {
  std::string name;
  bool usable = false;
  std::string reason;  // why it is not usable; empty when it is
};

struct SystemInfo {
  std::string version;
  int contract = 0;                     // version of docs/numerics.md
  std::string kernels;                  // name of the table that an engine would use
  std::string kernels_reason;           // why that one
  std::string cpu_features;             // "AVX2 FMA F16C AVX-512F …"
  int cpus = 0;                         // that this process may use
  std::vector<KernelTableInfo> tables;  // that this build knows, best first
};

// `kernels` as in Tuning::kernels. Throws Error(invalid_argument) for an unknown name, Error(unsupported) for
// a table that cannot run here.
SystemInfo system_info(std::string_view kernels = "auto");

}  // namespace isobatch
