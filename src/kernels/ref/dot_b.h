// N-DOT-B, the sum itself: shared by the matrix product and by attention.
#pragma once

#include <algorithm>

#include "kernels/packed_matrix.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {

// Both operands give bf16 values as f32: a(k), b(k) for k in [0, depth). In each block of 32 terms an even
// and an odd fma chain from +0; acc = acc + (even + odd), from +0. Terms past `depth` count as +0 · +0, which
// changes neither chain: a chain is +0 or a normal number, never −0.
template <typename A, typename B>
float dot_b(int depth, A&& a, B&& b) {
  float acc = 0.0f;
  for (int begin = 0; begin < depth; begin += kBlock) {
    float even = 0.0f, odd = 0.0f;
    for (int k = begin; k < std::min(begin + kBlock, depth); ++k) {
      float& chain = k % 2 == 0 ? even : odd;
      chain = numerics::fma(a(k), b(k), chain);
    }
    acc = acc + (even + odd);
  }
  return acc;
}

}  // namespace isobatch::kernels::ref
