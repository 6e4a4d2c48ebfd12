#include "kernels/peak.h"

#include <cstring>
#if defined(__x86_64__)
#include "kernels/x86/x86.h"
#endif

namespace isobatch::kernels {

PeakLoops peak_loops(const KernelTable& table) {
#if defined(__x86_64__)
  if (table.name == "avx2") return avx2_peak_loops();
  if (table.name == "avx512") return avx512_peak_loops();
  if (table.name == "vnni") return vnni_peak_loops();
  if (table.name == "amx") return amx_peak_loops();
#else
  static_cast<void>(table);
#endif
  return {};
}

std::uint64_t read_all(const std::byte* data, std::size_t bytes) {
  std::uint64_t lanes[8] = {};
  for (std::size_t at = 0; at < bytes; at += sizeof lanes) {
    std::uint64_t line[8];
    std::memcpy(line, data + at, sizeof line);
    for (int i = 0; i < 8; ++i) lanes[i] ^= line[i];
  }
  std::uint64_t all = 0;
  for (const std::uint64_t lane : lanes) all ^= lane;
  return all;
}

}  // namespace isobatch::kernels
