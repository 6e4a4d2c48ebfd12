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
  // Asked for in L2, as the products ask: a core can wait for more lines there than in L1, so that reading
  // alone would reach less than they do.
  constexpr std::size_t kAhead = 8 << 10;
  std::uint64_t lanes[8] = {};
  for (std::size_t at = 0; at < bytes; at += sizeof lanes) {
    if (at + kAhead < bytes) __builtin_prefetch(data + at + kAhead, 0, 2);
    std::uint64_t line[8];
    std::memcpy(line, data + at, sizeof line);
    for (int i = 0; i < 8; ++i) lanes[i] ^= line[i];
  }
  std::uint64_t all = 0;
  for (const std::uint64_t lane : lanes) all ^= lane;
  return all;
}

}  // namespace isobatch::kernels
