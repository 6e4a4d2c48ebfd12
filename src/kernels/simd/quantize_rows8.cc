// Same bits as ref/quantize_rows.cc, in 8 bits: four blocks at a time, a scale for each.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_rows8.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/group_lanes.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kBlockVectors = kBlock / kLanes;
constexpr float kHighest = 127.0f;
using I8 = hn::Rebind<std::int8_t, F>;
using F4 = hn::FixedTag<float, kBlocksInGroup>;  // a lane for each block
using U4 = hn::Rebind<std::uint32_t, F4>;
using I4 = hn::Rebind<std::int32_t, F4>;

// d of each block, and what its values are multiplied by: 0 where all q are 0.
struct BlockScales {
  float scale[kBlocksInGroup], inverse[kBlocksInGroup];
  HWY_INLINE BlockScales() {}

  // `magnitudes` are the bits of each block's largest one, which as integers order like it and put inf and
  // NaN on top.
  HWY_INLINE void set(const std::uint32_t (&magnitudes)[kBlocksInGroup]) {
    const auto amax = hn::BitCast(F4(), hn::LoadU(U4(), magnitudes));
    const auto finite = hn::Le(amax, hn::Set(F4(), 0x1.fffffep127f));
    const auto counts = hn::And(finite, hn::Ge(amax, hn::Set(F4(), 0x1p-100f)));
    const auto nan = hn::BitCast(F4(), hn::Set(U4(), kCanonicalNan));
    const auto d = hn::IfThenElseZero(counts, hn::Div(amax, hn::Set(F4(), kHighest)));
    hn::StoreU(hn::IfThenElse(finite, d, nan), F4(), scale);
    hn::StoreU(hn::IfThenElseZero(counts, hn::Div(hn::Set(F4(), kHighest), amax)), F4(), inverse);
  }
};

HWY_INLINE void store_block(const VI (&q)[kBlockVectors], std::int8_t* values) {
#if HWY_TARGET == HWY_AVX2
  const __m256i words[2] = {_mm256_packs_epi32(q[0].raw, q[1].raw), _mm256_packs_epi32(q[2].raw, q[3].raw)};
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words[0], words[1]), order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), bytes);
#else
  for (int i = 0; i < kBlockVectors; ++i) hn::StoreU(hn::DemoteTo(I8(), q[i]), I8(), values + i * kLanes);
#endif
}

// Four blocks from x on, of row r.
template <bool kHalfSums>
HWY_INLINE void quantize_group(const float* x, int first_block, int blocks, int r, const QuantizedRows& out) {
  VU highest[kBlocksInGroup];
  for (int b = 0; b < kBlocksInGroup; ++b) {
    highest[b] = hn::Zero(U());
    for (int i = 0; i < kBlockVectors; ++i) {
      const VF magnitude = hn::Abs(load(x + b * kBlock + i * kLanes));
      highest[b] = hn::Max(highest[b], hn::BitCast(U(), magnitude));
    }
  }
  std::uint32_t magnitudes[kBlocksInGroup];
  max_lanes(highest, magnitudes);
  BlockScales scales;
  scales.set(magnitudes);

  static constexpr float kZeros[kBlock] = {};
  VI first[kBlocksInGroup], total[kBlocksInGroup];
  for (int b = 0; b < kBlocksInGroup; ++b) {
    const float* from = scales.inverse[b] == 0.0f ? kZeros : x + b * kBlock;  // inf · 0 would be NaN
    const VF inverse = splat(scales.inverse[b]);
    VI q[kBlockVectors];
    VI second = hn::Zero(I());
    first[b] = second;
    for (int i = 0; i < kBlockVectors; ++i) {
      // Above 127 by less than rounding to integers removes.
      q[i] = nearest_integers(hn::Mul(load(from + i * kLanes), inverse));
      VI& half = i < kBlockVectors / 2 ? first[b] : second;
      half = hn::Add(half, q[i]);
    }
    total[b] = hn::Add(first[b], second);
    if (b < blocks) {
      store_block(q, out.values + (static_cast<std::ptrdiff_t>(first_block + b) * out.rows + r) * kBlock);
    }
  }
  std::int32_t sums[kBlocksInGroup], first_sums[kBlocksInGroup];
  sum_lanes(total, sums);
  if (kHalfSums) sum_lanes(first, first_sums);
  float scaled[kBlocksInGroup];
  const auto product = hn::Mul(hn::LoadU(F4(), scales.scale), hn::ConvertTo(F4(), hn::LoadU(I4(), sums)));
  const auto nan = hn::BitCast(F4(), hn::Set(U4(), kCanonicalNan));
  hn::StoreU(hn::IfThenElse(hn::IsNaN(product), nan, product), F4(), scaled);
  for (int b = 0; b < blocks; ++b) {
    const std::ptrdiff_t block = first_block + b, at = block * out.rows + r;
    out.scales[at] = scales.scale[b];
    out.sums[at] = sums[b];
    out.scaled_sums[at] = scaled[b];
    if (kHalfSums) {
      std::int32_t* half_sums = out.half_sums + 2 * block * out.rows + r;
      half_sums[0] = first_sums[b], half_sums[out.rows] = sums[b] - first_sums[b];
    }
  }
}

void quantize_rows_int8(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                        const QuantizedRows& out) {
  for (int group = part.group_begin; group < part.group_end; ++group) {
    const int begin = group * kGroup, n = HWY_MIN(kGroup, out.depth - begin);
    const int first_block = group * kBlocksInGroup, blocks = (n + kBlock - 1) / kBlock;
    for (int r = part.row_begin; r < part.row_end; ++r) {
      const float* values = x + r * stride + begin;
      float padded[kGroup];
      if (n < kGroup) {
        std::memset(padded, 0, sizeof padded);
        std::memcpy(padded, values, n * sizeof(float));
        values = padded;
      }
      if (out.half_sums) {
        quantize_group<true>(values, first_block, blocks, r, out);
      } else {
        quantize_group<false>(values, first_block, blocks, r, out);
      }
    }
  }
}

}  // namespace

void use_quantize_rows_int8(KernelTable& table) {
  table.quantize_rows[static_cast<std::size_t>(QuantForm::int8)] = quantize_rows_int8;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
