// The inner sums of N-DOT-F and N-DOT-B for a vector of outputs and R rows, shared by the matrix products and
// by attention. Lanes are outputs; every output's chain is the contract's.
#if defined(ISOBATCH_SIMD_DOT_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_DOT_H
#undef ISOBATCH_SIMD_DOT_H
#else
#define ISOBATCH_SIMD_DOT_H
#endif

#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

// Rows that fit the registers: accumulators, two chains each, and the weights.
inline constexpr int kTileRows = kLanes == 8 ? 4 : 8;

// One block of N-DOT-B: up to 32 terms k of kLanes outputs. `pairs` points to [terms/2][stride/2][2] bf16,
// stride in bf16; x to the rows' bf16 values as f32. An odd last term uses the first half of its pair only.
template <int R>
HWY_INLINE void dot_b_block(const std::uint16_t* pairs, std::ptrdiff_t stride, int terms, const float* x,
                            std::ptrdiff_t x_stride, VF (&acc)[R]) {
  VF even[R], odd[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) even[r] = odd[r] = hn::Zero(F());
  const int whole = terms / 2;
  for (int j = 0; j < whole; ++j) {
    prefetch_ahead(pairs + j * stride);
    const VU w = hn::LoadU(U(), reinterpret_cast<const std::uint32_t*>(pairs + j * stride));
    const VF w_even = even_bf16(w), w_odd = odd_bf16(w);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      even[r] = hn::MulAdd(w_even, splat(x[r * x_stride + 2 * j]), even[r]);
      odd[r] = hn::MulAdd(w_odd, splat(x[r * x_stride + 2 * j + 1]), odd[r]);
    }
  }
  if (terms % 2 != 0) {
    const VF w = even_bf16(hn::LoadU(U(), reinterpret_cast<const std::uint32_t*>(pairs + whole * stride)));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) even[r] = hn::MulAdd(w, splat(x[r * x_stride + 2 * whole]), even[r]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) acc[r] = hn::Add(acc[r], hn::Add(even[r], odd[r]));
}

HWY_INLINE VF load_weights(const float* p) { return load(p); }
HWY_INLINE VF load_weights(const std::uint16_t* p) {  // f16
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(F(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
}

// One chunk of N-DOT-F: `terms` terms of kLanes outputs; weights [terms][stride] of Element (f32, f16).
template <int R, typename Element>
HWY_INLINE void dot_f_chunk(const Element* weights, std::ptrdiff_t stride, int terms, const float* x,
                            std::ptrdiff_t x_stride, VF (&acc)[R]) {
  VF chunk[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) chunk[r] = hn::Zero(F());
  for (int k = 0; k < terms; ++k) {
    prefetch_ahead(weights + k * stride);
    const VF w = load_weights(weights + k * stride);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) chunk[r] = hn::MulAdd(w, splat(x[r * x_stride + k]), chunk[r]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) acc[r] = hn::Add(acc[r], chunk[r]);
}

// The same with bf16 weights in pairs; a chunk starts at an even term.
template <int R>
HWY_INLINE void dot_f_chunk_pairs(const std::uint16_t* pairs, std::ptrdiff_t stride, int terms,
                                  const float* x, std::ptrdiff_t x_stride, VF (&acc)[R]) {
  VF chunk[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) chunk[r] = hn::Zero(F());
  for (int k = 0; k < terms; k += 2) {
    prefetch_ahead(pairs + k / 2 * stride);
    const VU w = hn::LoadU(U(), reinterpret_cast<const std::uint32_t*>(pairs + k / 2 * stride));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) chunk[r] = hn::MulAdd(even_bf16(w), splat(x[r * x_stride + k]), chunk[r]);
    if (k + 1 == terms) break;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) chunk[r] = hn::MulAdd(odd_bf16(w), splat(x[r * x_stride + k + 1]), chunk[r]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) acc[r] = hn::Add(acc[r], chunk[r]);
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // ISOBATCH_SIMD_TARGET

#endif  // include toggle
