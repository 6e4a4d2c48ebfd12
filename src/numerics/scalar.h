// The scalar building blocks of the contract. Kernels for vectors repeat these operations lane by lane.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/float16.h"

namespace isobatch::numerics {

// a·b + c with one rounding. The library call is exact on every machine; with FMA units it is one
// instruction.
inline float fma(float a, float b, float c) { return std::fma(a, b, c); }

// An operation that yields NaN writes this one: machines differ in sign and payload.
inline float canonical(float x) { return x == x ? x : std::bit_cast<float>(kCanonicalNan); }

inline float canonical_nan() { return std::bit_cast<float>(kCanonicalNan); }

// NaN if either is NaN, which neither maxps nor fmaxf is.
inline float maximum(float a, float b) {
  if (a != a || b != b) return canonical_nan();
  return a > b ? a : b;
}

inline float scalbn_exact(float x, int n) {  // x · 2ⁿ in two exact steps, n in [-126, 128], result normal
  const int half = n >> 1;
  const float a = std::bit_cast<float>(static_cast<std::uint32_t>(half + 127) << 23);
  const float b = std::bit_cast<float>(static_cast<std::uint32_t>(n - half + 127) << 23);
  return (x * a) * b;
}

}  // namespace isobatch::numerics
