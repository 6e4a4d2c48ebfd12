// Which tables this CPU can run, and which of them to take.
#include <fmt/format.h>

#include <array>
#include <mutex>

#include "isobatch/error.h"
#include "kernels/kernels.h"
#include "kernels/self_test.h"
#include "kernels/simd/simd.h"
#if defined(__x86_64__)
#include "kernels/x86/tiles.h"
#include "kernels/x86/x86.h"
#endif

namespace isobatch::kernels {
namespace {

struct Candidate {
  std::string_view name;
  const KernelTable& (*table)();
  bool (*runs_here)();
  std::string_view needs;
};

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("f16c");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
bool has_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
bool has_amx() { return has_vnni() && amx::request_tiles(); }
#endif
bool always() { return true; }

// Best first.
constexpr Candidate kCandidates[] = {
#if defined(__x86_64__)
    {"amx", amx_table, has_amx, "AVX-512 VNNI, AMX INT8, AMX BF16 and the system's leave to use tiles"},
    {"vnni", vnni_table, has_vnni, "AVX-512 F, BW, CD, DQ, VL and VNNI"},
    {"avx512", avx512_table, has_avx512, "AVX-512 F, BW, CD, DQ and VL"},
    {"avx2", avx2_table, has_avx2, "AVX2, FMA, BMI2 and F16C"},
#elif defined(__aarch64__)
    {"neon", neon_table, always, "NEON"},
#endif
    {"ref", ref_table, always, "nothing"},
};

std::string try_out(const Candidate& candidate) {
  if (!candidate.runs_here()) return fmt::format("this CPU lacks some of {}", candidate.needs);
  const std::string failed = failed_self_test(candidate.table());
  return failed.empty() ? "" : fmt::format("its self-test differs from ref in {}", failed);
}

// Empty when the table may be used. Tried once in a process: every engine asks.
const std::string& why_not(const Candidate& candidate) {
  static std::array<std::once_flag, std::size(kCandidates)> tried;
  static std::array<std::string, std::size(kCandidates)> reasons;
  const auto index = static_cast<std::size_t>(&candidate - kCandidates);
  std::call_once(tried[index], [&] { reasons[index] = try_out(candidate); });
  return reasons[index];
}

}  // namespace

std::vector<std::string_view> table_names() {
  std::vector<std::string_view> names;
  for (const Candidate& candidate : kCandidates) names.push_back(candidate.name);
  return names;
}

std::vector<const KernelTable*> usable_tables() {
  std::vector<const KernelTable*> tables;
  for (const Candidate& candidate : kCandidates) {
    if (why_not(candidate).empty()) tables.push_back(&candidate.table());
  }
  return tables;
}

TableChoice choose_table(std::string_view name) {
  std::string skipped;
  for (const Candidate& candidate : kCandidates) {
    if (name != "auto" && name != candidate.name) continue;
    const std::string& reason = why_not(candidate);
    if (reason.empty()) {
      return {&candidate.table(), name == "auto" ? "the best that this CPU can run" + skipped : "asked for"};
    }
    if (name != "auto") {
      throw Error(ErrorCode::unsupported, fmt::format("kernel table '{}': {}", name, reason));
    }
    skipped += fmt::format("; not {}: {}", candidate.name, reason);
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("kernel table '{}': expected auto or one of {}", name,
                                                       fmt::join(table_names(), ", ")));
}

std::string cpu_features() {
#if defined(__x86_64__)
  std::string features;
  const auto add = [&features](bool present, std::string_view name) {
    if (present) features += fmt::format("{}{}", features.empty() ? "" : " ", name);
  };
  add(__builtin_cpu_supports("avx2"), "AVX2");
  add(__builtin_cpu_supports("fma"), "FMA");
  add(__builtin_cpu_supports("f16c"), "F16C");
  add(__builtin_cpu_supports("avx512f"), "AVX-512F");
  add(__builtin_cpu_supports("avx512bw"), "AVX-512BW");
  add(__builtin_cpu_supports("avx512vl"), "AVX-512VL");
  add(__builtin_cpu_supports("avx512vnni"), "AVX-512-VNNI");
  add(__builtin_cpu_supports("avx512bf16"), "AVX-512-BF16");
  add(__builtin_cpu_supports("avxvnni"), "AVX-VNNI");
  add(amx::request_tiles(), "AMX-INT8 AMX-BF16");
  return features.empty() ? "none beyond x86-64" : features;
#elif defined(__aarch64__)
  return "NEON";
#else
  return "unknown";
#endif
}

}  // namespace isobatch::kernels
