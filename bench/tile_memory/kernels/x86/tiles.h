// Stands in for src/kernels/x86/tiles.h where there is no tile unit: the loads and stores that its
// instructions make, a row of a tile each, and none of its arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/x86/tile_config.h"

namespace isobatch::kernels::amx {

inline thread_local TileConfig tile_config;
inline void configure(const TileConfig& config) { tile_config = config; }
inline void release() {}

// access(row) for the rows of a tile; most have 16, without a loop then.
template <int kTile, typename Access>
inline __attribute__((always_inline)) void for_rows(const char* rows, std::ptrdiff_t stride,
                                                    const Access& access) {
  const int n = tile_config.rows[kTile];
  if (n == 16) {
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) access(rows + r * stride);
  } else {
    for (int r = 0; r < n; ++r) access(rows + r * stride);
  }
}
template <int kTile>
inline __attribute__((always_inline)) void load(const void* rows, std::ptrdiff_t stride) {
  for_rows<kTile>(static_cast<const char*>(rows), stride, [](const char* row) {
    asm volatile("vmovdqu64 (%0), %%zmm31" ::"r"(row) : "memory", "xmm31");
  });
}
template <int kTile>
inline __attribute__((always_inline)) void store(void* rows, std::ptrdiff_t stride) {
  for_rows<kTile>(static_cast<char*>(rows), stride, [](const char* row) {
    asm volatile("vmovdqu64 %%zmm31, (%0)" ::"r"(row) : "memory");
  });
}
template <int kTile>
inline void zero() {}
template <int kSum, int kA, int kB, bool kSignedB>
inline void multiply_bytes() {}
template <int kSum, int kA, int kB>
inline void multiply_bf16() {}

}  // namespace isobatch::kernels::amx
