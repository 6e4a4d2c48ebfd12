// Same bits as ref/quantize_rows.cc: a maximum and a sum of integers have no order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_rows.cc"
#include "hwy/foreach_target.h"  // must come first
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

HWY_INLINE VI nearest_integers(VF x) {  // of values that an int32 can hold
#if HWY_TARGET == HWY_AVX2
  return VI{_mm256_cvtps_epi32(x.raw)};
#elif HWY_TARGET == HWY_AVX3
  return VI{_mm512_cvtps_epi32(x.raw)};
#else
  return hn::ConvertTo(I(), hn::Round(x));
#endif
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

// A block's q.
template <QuantForm kForm>
HWY_INLINE void store_block(const VI (&q)[kBlockVectors], std::int8_t* values) {
#if HWY_TARGET == HWY_AVX3
  if constexpr (kForm == QuantForm::bytes) {  // all 32 as words at once
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const __m512i words = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(q[0].raw, q[1].raw));
    const __m512i high = _mm512_srai_epi16(_mm512_add_epi16(words, _mm512_set1_epi16(8)), 4);
    const __m512i low = _mm512_sub_epi16(words, _mm512_slli_epi16(high, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), _mm512_cvtepi16_epi8(high));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + kBlock), _mm512_cvtepi16_epi8(low));
    return;
  }
#endif
  for (int i = 0; i < kBlockVectors; ++i) store_quants<kForm>(q[i], i * kLanes, values);
}

// kHalfSums: also stores the sums of 16 q, `half_stride` apart.
template <QuantForm kForm, bool kHalfSums>
HWY_INLINE std::int32_t quantize_block(const float* x, float inverse, std::int8_t* values,
                                       std::int32_t* half_sums, std::ptrdiff_t half_stride) {
  VI q[kBlockVectors], total = hn::Zero(I());
  for (int i = 0; i < kBlockVectors; ++i) {
    const VF scaled = hn::Mul(load(x + i * kLanes), splat(inverse));
    q[i] = nearest_integers(hn::Min(hn::Max(scaled, splat(-kHighest)), splat(kHighest)));
    total = hn::Add(total, q[i]);
    if (kHalfSums && i + 1 == kBlockVectors / 2) *half_sums = hn::GetLane(hn::SumOfLanes(I(), total));
  }
  store_block<kForm>(q, values);
  const std::int32_t sum = hn::GetLane(hn::SumOfLanes(I(), total));
  if (kHalfSums) half_sums[half_stride] = sum - *half_sums;
  return sum;
}

template <QuantForm kForm, bool kHalfSums>
void quantize_group(const float* x, int group, int r, const QuantizedRows& out) {
  const int begin = group * kGroup, end = HWY_MIN(begin + kGroup, out.depth);
  const float amax = largest_magnitude(x + begin, end - begin);
  const bool finite = amax <= 0x1.fffffep127f, zero = !finite || amax < 0x1p-100f;
  const float scale = !finite ? numerics::canonical_nan() : zero ? 0.0f : amax / kHighest;
  const float inverse = zero ? 0.0f : kHighest / amax;
  out.scales[static_cast<std::ptrdiff_t>(group) * out.rows + r] = scale;
  for (int k = begin; k < end; k += kBlock) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k / kBlock) * out.rows + r;
    std::int8_t* values = out.values + at * kBlockBytes;
    std::int32_t* half_sums =
        kHalfSums ? out.half_sums + static_cast<std::ptrdiff_t>(k / kBlock) * 2 * out.rows + r : nullptr;
    if (zero) {
      std::memset(values, 0, kBlockBytes);
      out.sums[at] = 0;
      if (kHalfSums) half_sums[0] = half_sums[out.rows] = 0;
    } else if (end - k >= kBlock) {
      out.sums[at] = quantize_block<kForm, kHalfSums>(x + k, inverse, values, half_sums, out.rows);
    } else {
      float padded[kBlock] = {};
      std::memcpy(padded, x + k, (end - k) * sizeof(float));
      out.sums[at] = quantize_block<kForm, kHalfSums>(padded, inverse, values, half_sums, out.rows);
    }
    out.scaled_sums[at] = numerics::canonical(scale * static_cast<float>(out.sums[at]));
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
  table.quantize_rows = {quantize_rows<QuantForm::bytes>, quantize_rows<QuantForm::words>};
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
