// Same bits as ref/quantize_rows.cc: a maximum and a sum of integers have no order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_rows.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/group_lanes.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kBlockVectors = kBlock / kLanes;
constexpr float kHighest = 2032.0f;
using I8 = hn::Rebind<std::int8_t, F>;
using I16 = hn::Rebind<std::int16_t, F>;
using Quad = hn::Repartition<std::uint64_t, I16>;

// The group's largest magnitude. Its bits as an integer order like it and put inf and NaN on top, so one
// maximum also finds what is not finite.
HWY_INLINE float largest_magnitude(const float* x, int n) {
  VU bits = hn::Zero(U());
  int k = 0;
  for (; k + kLanes <= n; k += kLanes) bits = hn::Max(bits, hn::BitCast(U(), hn::Abs(load(x + k))));
  if (k < n) bits = hn::Max(bits, hn::BitCast(U(), hn::Abs(load_first(x + k, n - k))));
  return hn::GetLane(hn::BitCast(F(), hn::MaxOfLanes(U(), bits)));
}

// One vector of q into its place in a block, k from `at` on.
template <QuantForm kForm>
HWY_INLINE void store_quants(VI q, int at, std::int8_t* values) {
  if constexpr (kForm == QuantForm::bytes) {
    const VI high = hn::ShiftRight<4>(hn::Add(q, hn::Set(I(), 8)));
    hn::StoreU(hn::DemoteTo(I8(), high), I8(), values + at);
    hn::StoreU(hn::DemoteTo(I8(), hn::Sub(q, hn::ShiftLeft<4>(high))), I8(), values + kBlock + at);
  } else {
    // Words a b c d become a c b d: the middle ones of each 64 bits change places.
    const auto words = hn::BitCast(Quad(), hn::DemoteTo(I16(), q));
    const auto ends = hn::And(words, hn::Set(Quad(), 0xffff00000000ffffu));
    const auto second = hn::ShiftLeft<16>(hn::And(words, hn::Set(Quad(), 0xffff0000u)));
    const auto third = hn::And(hn::ShiftRight<16>(words), hn::Set(Quad(), 0xffff0000u));
    const auto swapped = hn::BitCast(I16(), hn::Or(ends, hn::Or(second, third)));
    hn::StoreU(swapped, I16(), reinterpret_cast<std::int16_t*>(values) + at);
  }
}

// Of four blocks, what is still to be summed over lanes.
struct GroupSums {
  VI first[kBlocksInGroup], total[kBlocksInGroup];  // of q: of the first halves, of the blocks
#if HWY_TARGET == HWY_AVX3
  VI pairs[kBlocksInGroup];  // q[2j] · q[2j + 1] of paired fours in the even lanes, a half of them for each
                             // half
#else
  std::int32_t pairs[2][kBlocksInGroup];
#endif
  HWY_INLINE GroupSums() {}  // the implicit one would not be of this instruction set
};

#if HWY_TARGET != HWY_AVX3
// Of the words of a block: Σ q[2j] · q[2j + 1] over the paired fours of each half.
HWY_INLINE void multiply_pairs(const std::int8_t* values, int block, GroupSums& sums) {
  std::int16_t words[kBlock];
  std::memcpy(words, values, sizeof words);
  for (int half = 0; half < 2; ++half) {
    sums.pairs[half][block] = 0;
    const int begin = half * kBlock / 2;
    for (int k = begin; k < begin + 4 * kPairedQuads; k += 4) {
      sums.pairs[half][block] += words[k] * words[k + 2] + words[k + 1] * words[k + 3];
    }
  }
}
#endif

// Block `block` of a group: its q into `values`.
template <QuantForm kForm>
HWY_INLINE void store_block(const VI (&q)[kBlockVectors], std::int8_t* values, int block, GroupSums& sums) {
#if HWY_TARGET == HWY_AVX3  // all 32 as words at once
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i in_order = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(q[0].raw, q[1].raw));
  if constexpr (kForm == QuantForm::bytes) {
    const __m512i high = _mm512_srai_epi16(_mm512_add_epi16(in_order, _mm512_set1_epi16(8)), 4);
    const __m512i low = _mm512_sub_epi16(in_order, _mm512_slli_epi16(high, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), _mm512_cvtepi16_epi8(high));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + kBlock), _mm512_cvtepi16_epi8(low));
  } else {
    const __m512i middle =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
    const __m512i words = _mm512_shuffle_epi8(in_order, middle);
    _mm512_storeu_si512(values, words);
    if constexpr (kForm == QuantForm::paired_words) {
      // From the register: what was stored could be loaded only when it has come to the cache.
      static_assert(kPairedQuads == 3);
      sums.pairs[block].raw = _mm512_maskz_madd_epi16(0x1515, words, _mm512_srli_epi64(words, 32));
    }
  }
#else
#if HWY_TARGET == HWY_AVX2
  if constexpr (kForm != QuantForm::bytes) {  // 16 at once
    const __m256i middle = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,  //
                                            0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    for (int i = 0; i < kBlockVectors; i += 2) {
      const __m256i words = _mm256_shuffle_epi8(_mm256_packs_epi32(q[i].raw, q[i + 1].raw), middle);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + i * 2 * kLanes),
                          _mm256_permute4x64_epi64(words, 0xd8));
    }
  } else
#endif
  {
    for (int i = 0; i < kBlockVectors; ++i) store_quants<kForm>(q[i], i * kLanes, values);
  }
  if constexpr (kForm == QuantForm::paired_words) multiply_pairs(values, block, sums);
#endif
}

// Quantizes a block into `values`. No q is above 2032: |x| · inverse can exceed it by less than rounding to
// integers removes.
template <QuantForm kForm>
HWY_INLINE void quantize_block(const float* x, float inverse, std::int8_t* values, int block,
                               GroupSums& sums) {
  VI q[kBlockVectors];
  VI first = hn::Zero(I()), second = first;
  for (int i = 0; i < kBlockVectors; ++i) {
    q[i] = nearest_integers(hn::Mul(load(x + i * kLanes), splat(inverse)));
    VI& half = i < kBlockVectors / 2 ? first : second;
    half = hn::Add(half, q[i]);
  }
  sums.first[block] = first;
  sums.total[block] = hn::Add(first, second);
  store_block<kForm>(q, values, block, sums);
}

// [half][block]
HWY_INLINE void sum_pairs(const GroupSums& group, std::int32_t (&sums)[2][kBlocksInGroup]) {
#if HWY_TARGET == HWY_AVX3
  const auto join = [](VI even, VI odd)
                        HWY_ATTR { return _mm512_or_si512(even.raw, _mm512_slli_epi64(odd.raw, 32)); };
  const __m512i a = join(group.pairs[0], group.pairs[1]), b = join(group.pairs[2], group.pairs[3]);
  const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const __m256i halves[2] = {_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1)};
  for (int half = 0; half < 2; ++half) {
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums[half]),
        _mm_add_epi32(_mm256_castsi256_si128(halves[half]), _mm256_extracti128_si256(halves[half], 1)));
  }
#else
  std::memcpy(sums, group.pairs, sizeof sums);
#endif
}

template <QuantForm kForm, bool kHalfSums>
void quantize_group(const float* x, int group, int r, const QuantizedRows& out) {
  const int begin = group * kGroup, end = HWY_MIN(begin + kGroup, out.depth);
  const float amax = largest_magnitude(x + begin, end - begin);
  const bool finite = amax <= 0x1.fffffep127f, zero = !finite || amax < 0x1p-100f;
  const float scale = !finite ? numerics::canonical_nan() : zero ? 0.0f : amax / kHighest;
  const float inverse = zero ? 0.0f : kHighest / amax;
  out.scales[static_cast<std::ptrdiff_t>(group) * out.rows + r] = scale;

  const int first_block = group * kBlocksInGroup, blocks = (end - begin + kBlock - 1) / kBlock;
  GroupSums lanes;
  for (int b = 0; b < kBlocksInGroup; ++b) {
    std::int8_t* values =
        out.values + (static_cast<std::ptrdiff_t>(first_block + b) * out.rows + r) * kBlockBytes;
    const int k = begin + b * kBlock;
    if (zero || end - k < kBlock) {
      float padded[kBlock] = {};
      if (!zero && k < end) std::memcpy(padded, x + k, (end - k) * sizeof(float));
      HWY_ALIGN std::int8_t nowhere[kBlockBytes];
      quantize_block<kForm>(padded, inverse, b < blocks ? values : nowhere, b, lanes);
    } else {
      quantize_block<kForm>(x + k, inverse, values, b, lanes);
    }
  }
  std::int32_t sums[kBlocksInGroup], first_sums[kBlocksInGroup], pairs[2][kBlocksInGroup];
  sum_lanes(lanes.total, sums);
  if (kHalfSums) sum_lanes(lanes.first, first_sums);
  if constexpr (kForm == QuantForm::paired_words) sum_pairs(lanes, pairs);
  for (int b = 0; b < blocks; ++b) {
    const std::ptrdiff_t block = first_block + b, at = block * out.rows + r;
    out.sums[at] = sums[b];
    out.scaled_sums[at] = numerics::canonical(scale * static_cast<float>(sums[b]));
    std::int32_t* half_sums = out.half_sums + 2 * block * out.rows + r;
    if (kHalfSums) half_sums[0] = first_sums[b], half_sums[out.rows] = sums[b] - first_sums[b];
    if constexpr (kForm == QuantForm::paired_words) {
      std::int32_t* products = out.pair_products + 2 * block * out.rows + r;
      products[0] = pairs[0][b], products[out.rows] = pairs[1][b];
    }
  }
}

// Groups outside, rows inside: the output is block-major, and strides of rows · 64 bytes would alias in the
// cache.
template <QuantForm kForm>
void quantize_rows(const float* x, std::ptrdiff_t stride, const QuantizedPart& part,
                   const QuantizedRows& out) {
  for (int group = part.group_begin; group < part.group_end; ++group) {
    for (int r = part.row_begin; r < part.row_end; ++r) {
      if (out.half_sums) {
        quantize_group<kForm, true>(x + r * stride, group, r, out);
      } else {
        quantize_group<kForm, false>(x + r * stride, group, r, out);
      }
    }
  }
}

}  // namespace

void use_quantize_rows(KernelTable& table) {
  const auto use = [&](QuantForm form, QuantizeRows* kernel) {
    table.quantize_rows[static_cast<std::size_t>(form)] = kernel;
  };
  use(QuantForm::bytes, quantize_rows<QuantForm::bytes>);
  use(QuantForm::words, quantize_rows<QuantForm::words>);
  use(QuantForm::paired_words, quantize_rows<QuantForm::paired_words>);
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
