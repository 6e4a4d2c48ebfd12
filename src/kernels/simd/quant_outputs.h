// What products of quantized weights share: the chain of the minima, and the way to the outputs. Compiled
// once for each instruction set: the guard toggles.
#if defined(ISOBATCH_SIMD_QUANT_OUTPUTS_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_QUANT_OUTPUTS_H
#undef ISOBATCH_SIMD_QUANT_OUTPUTS_H
#else
#define ISOBATCH_SIMD_QUANT_OUTPUTS_H
#endif

#include "kernels/simd/quants.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

inline constexpr int kMinimaRows = 6;

template <TensorType kType>
constexpr int quants_of_block() {  // bytes
  return quant_layout(kType).bits * kPairBytes;
}

// Asks for the same place in the next panel while this one is worked on: weights come in order, from memory.
HWY_INLINE void prefetch_next(const std::byte* p, std::ptrdiff_t panel, int bytes) {
  for (int line = 0; line < bytes; line += 64) prefetch(p + panel + line);
}

// One row's dx · float(sum of the activations that share minimum i).
template <int kScaled>
HWY_INLINE float scaled_sum(const QuantizedRows& x, int i, int row) {
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * x.rows + row;
  if constexpr (kScaled == kBlock) return x.scaled_sums[at];
  const int group = i * kScaled / values_per_scale(x.form);
  return x.scales[static_cast<std::ptrdiff_t>(group) * x.rows + row] * static_cast<float>(x.half_sums[at]);
}

// acc + the chain of the minima: one vector of outputs, R rows.
template <TensorType kType>
struct MinimaTile {
  static constexpr int kScaled = quant_layout(kType).scaled;
  const Scales<kType>& scales;
  int lane;
  const QuantizedRows& x;
  int row_begin;
  float* acc;  // [rows][16]

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF chain[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) chain[r] = hn::Zero(F());
    for (int i = 0; i < x.blocks() * (kBlock / kScaled); ++i) {
      const VF minimum = scales.minimum(i, lane);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        chain[r] = hn::MulAdd(minimum, splat(scaled_sum<kScaled>(x, i, row_begin + first_row + r)), chain[r]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* to = acc + (first_row + r) * kPanel + lane;
      store(hn::Add(load(to), chain[r]), to);
    }
  }
};

// Sums of `rows` rows, acc [rows][16], that a range of groups has left in the outputs, and the way there.
HWY_INLINE void load_sums(const float* out, std::ptrdiff_t out_stride, int outputs, int rows, float* acc) {
  for (int r = 0; r < rows; ++r) std::memcpy(acc + r * kPanel, out + r * out_stride, outputs * sizeof(float));
}
HWY_INLINE void store_sums(const float* acc, int outputs, int rows, float* out, std::ptrdiff_t out_stride) {
  for (int r = 0; r < rows; ++r) std::memcpy(out + r * out_stride, acc + r * kPanel, outputs * sizeof(float));
}

HWY_INLINE void store_outputs(const float* acc, int outputs, float* out) {  // 16 of a row
  for (int lane = 0; lane < outputs; lane += kLanes) {
    const VF value = canonical(load(acc + lane));
    if (outputs - lane >= kLanes) {
      store(value, out + lane);
    } else {
      store_first(value, outputs - lane, out + lane);
    }
  }
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
