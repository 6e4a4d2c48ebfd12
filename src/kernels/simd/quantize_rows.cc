// Same bits as ref/quantize_rows.cc: a maximum and a sum of integers have no order. Four rows at a time: what
// is written for each row and block is then a vector, and a core has several chains to work on.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_rows.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/quants_of_rows.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

template <QuantForm kForm>
constexpr float kHighest = kForm == QuantForm::int8 ? 127.0f : 2032.0f;

// Of four rows: d, and what the values that share it are multiplied by, 0 where all q are 0.
struct RowScales {
  VF4 scale;
  float inverse[kRowsAtOnce];
  HWY_INLINE RowScales() {}  // the implicit one would not be of this instruction set

  // From the bits of the largest magnitudes, which as integers order like these and put inf and NaN on top,
  // so that one maximum also finds what is not finite.
  HWY_INLINE void set(hn::Vec<U4> magnitudes, float highest) {
    const VF4 amax = hn::BitCast(F4(), magnitudes);
    const auto finite = hn::Le(amax, hn::Set(F4(), 0x1.fffffep127f));
    const auto counts = hn::And(finite, hn::Ge(amax, hn::Set(F4(), 0x1p-100f)));
    const VF4 d = hn::IfThenElseZero(counts, hn::Div(amax, hn::Set(F4(), highest)));
    scale = hn::IfThenElse(finite, d, hn::BitCast(F4(), hn::Set(U4(), kCanonicalNan)));
    hn::StoreU(hn::IfThenElseZero(counts, hn::Div(hn::Set(F4(), highest), amax)), F4(), inverse);
  }
};

// scale · sums, a NaN canonical.
HWY_INLINE VF4 scaled(VF4 scale, VI4 sums) {
  const VF4 product = hn::Mul(scale, hn::ConvertTo(F4(), sums));
  return hn::IfThenElse(hn::IsNaN(product), hn::BitCast(F4(), hn::Set(U4(), kCanonicalNan)), product);
}

// A group of 128 values in each row, or the n at the end of it, the first in block `first_block`; they share
// a scale, or each block has its own.
template <QuantForm kForm, bool kHalfSums>
struct GroupTile {
  static constexpr int kBlocksOfScale = values_per_scale(kForm) / kBlock;
  static constexpr int kScales = kGroup / values_per_scale(kForm);
  const float* x;
  std::ptrdiff_t stride;
  int n, first_block;
  const QuantizedRows& out;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    const float* rows[R];
    float padded[R][kGroup];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      rows[r] = x + (first_row + r) * stride;
      if (n % kBlock == 0) continue;
      std::memset(padded[r], 0, sizeof padded[r]);
      std::memcpy(padded[r], rows[r], n * sizeof(float));
      rows[r] = padded[r];
    }
    const int blocks = (n + kBlock - 1) / kBlock;
    // All scales first: each is a long chain, the last step of which the values wait for.
    RowScales scales[kScales];
    for (int i = 0; i * kBlocksOfScale < blocks; ++i) {
      const int first = i * kBlocksOfScale, count = HWY_MIN(kBlocksOfScale, blocks - first);
      scales[i].set(largest_magnitudes(rows, first, count), kHighest<kForm>);
      const std::ptrdiff_t scale_row = (first_block + first) / kBlocksOfScale;
      store_rows<R>(F4(), scales[i].scale, out.scales + scale_row * out.rows + first_row);
    }
    for (int b = 0; b < blocks; ++b) store_block<R>(rows, b, scales[b / kBlocksOfScale], first_row);
  }

 private:
  template <int R>
  static HWY_INLINE hn::Vec<U4> largest_magnitudes(const float* const (&rows)[R], int first, int blocks) {
    VU highest[kRowsAtOnce];
#pragma GCC unroll 16
    for (int r = 0; r < kRowsAtOnce; ++r) highest[r] = hn::Zero(U());
    for (int k = first * kBlock; k < (first + blocks) * kBlock; k += kLanes) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        highest[r] = hn::Max(highest[r], hn::BitCast(U(), hn::Abs(load(rows[r] + k))));
      }
    }
    return max_lanes(highest);
  }

  // Block b of the group. No q is above the highest: |x| · inverse can exceed it by less than rounding to
  // integers removes.
  template <int R>
  HWY_INLINE void store_block(const float* const (&rows)[R], int b, const RowScales& scales,
                              int first_row) const {
    static constexpr float kZeros[kBlock] = {};
    Quants<R> q;
    VI first[kRowsAtOnce], total[kRowsAtOnce];
#pragma GCC unroll 16
    for (int r = 0; r < kRowsAtOnce; ++r) first[r] = total[r] = hn::Zero(I());
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF inverse = splat(scales.inverse[r]);
      const float* from = scales.inverse[r] == 0.0f ? kZeros : rows[r] + b * kBlock;  // inf · 0 would be NaN
#pragma GCC unroll 16
      for (int i = 0; i < kBlockVectors; ++i) {
        q[r][i] = nearest_integers(hn::Mul(load(from + i * kLanes), inverse));
        if (i == kBlockVectors / 2) first[r] = total[r];
        total[r] = hn::Add(total[r], q[r][i]);
      }
    }
    const std::ptrdiff_t block = first_block + b, at = block * out.rows + first_row;
    std::int8_t* values = out.values + at * block_bytes(kForm);
    store_blocks<kForm, R>(q, values);
    const VI4 sums = sum_lanes(total);
    store_rows<R>(I4(), sums, out.sums + at);
    store_rows<R>(F4(), scaled(scales.scale, sums), out.scaled_sums + at);
    const std::ptrdiff_t first_half = at + block * out.rows, second_half = first_half + out.rows;
    if constexpr (kHalfSums) {
      const VI4 first_sums = sum_lanes(first);
      store_rows<R>(I4(), first_sums, out.half_sums + first_half);
      store_rows<R>(I4(), hn::Sub(sums, first_sums), out.half_sums + second_half);
    }
    if constexpr (kForm == QuantForm::paired_words) {
      std::int32_t pairs[2][kRowsAtOnce];
      multiply_pairs<R>(q, values, pairs);
      std::memcpy(out.pair_products + first_half, pairs[0], R * sizeof(std::int32_t));
      std::memcpy(out.pair_products + second_half, pairs[1], R * sizeof(std::int32_t));
    }
  }
};

// Groups outside, rows inside: the output is block-major, and strides of rows · 64 bytes would alias in the
// cache.
template <QuantForm kForm, bool kHalfSums>
void quantize(const float* x, std::ptrdiff_t stride, const QuantizedPart& part, const QuantizedRows& out) {
  for (int group = part.group_begin; group < part.group_end; ++group) {
    const int begin = group * kGroup;
    const GroupTile<kForm, kHalfSums> tile{x + begin, stride, HWY_MIN(kGroup, out.depth - begin),
                                           begin / kBlock, out};
    for_row_tiles<kRowsAtOnce>(tile, part.row_begin, part.row_end);
  }
}

template <QuantForm kForm>
void quantize_rows(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                   const QuantizedRows& out) {
  (out.half_sums ? quantize<kForm, true> : quantize<kForm, false>)(x, stride, part, out);
}

}  // namespace

void use_quantize_rows(KernelTable& table) {
  const auto use = [&](QuantForm form, QuantizeRows* kernel) {
    table.quantize_rows[static_cast<std::size_t>(form)] = kernel;
  };
  use(QuantForm::bytes, quantize_rows<QuantForm::bytes>);
  use(QuantForm::words, quantize_rows<QuantForm::words>);
  use(QuantForm::paired_words, quantize_rows<QuantForm::paired_words>);
  use(QuantForm::int8, quantize_rows<QuantForm::int8>);
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
