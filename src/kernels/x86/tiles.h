// The AMX tile unit: eight tiles of up to 16 rows × 64 bytes. Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, TILELOADD and following. Tests compile the kernels with another header of
// this name, which emulates the unit (tests/emulation/).
//
// Compilers' own intrinsics are not used: their loads do not say that they read memory, and gcc 12's
// configuration says that it reads 8 bytes only, so that stores before them may vanish.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/x86/tile_config.h"

namespace isobatch::kernels::amx {

// All tiles become zero. Each thread has tiles of its own; release() lets the kernel forget them.
inline void configure(const TileConfig& config) { asm volatile("ldtilecfg %0" ::"m"(config) : "memory"); }
inline void release() { asm volatile("tilerelease" ::: "memory"); }

template <int kTile>
inline __attribute__((always_inline)) void load(const void* rows, std::ptrdiff_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline __attribute__((always_inline)) void store(void* rows, std::ptrdiff_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline __attribute__((always_inline)) void zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
// sum[m][n] += Σ a[m][4k + i] · b[k][4n + i], signed a; int32.
template <int kSum, int kA, int kB, bool kSignedB>
inline __attribute__((always_inline)) void multiply_bytes() {
  if constexpr (kSignedB) {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
  } else {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
  }
}

// sum[m][n] += even + odd, where even = Σ a[m][2k] · b[k][2n] and odd = Σ a[m][2k + 1] · b[k][2n + 1] are
// chains from +0, k ascending; bf16 factors, f32 sums, rounded to nearest even, denormals flushed.
template <int kSum, int kA, int kB>
inline __attribute__((always_inline)) void multiply_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
}

// Asks the operating system for the tile state, once a process; false when CPU or system have none.
bool request_tiles();

}  // namespace isobatch::kernels::amx
