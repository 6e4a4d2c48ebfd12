// What quantize_rows does with the integers of four rows: their places in a block of each form, and sums over
// each row's lanes. Compiled once for each instruction set: the guard toggles.
#if defined(ISOBATCH_SIMD_QUANTS_OF_ROWS_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_QUANTS_OF_ROWS_H
#undef ISOBATCH_SIMD_QUANTS_OF_ROWS_H
#else
#define ISOBATCH_SIMD_QUANTS_OF_ROWS_H
#endif

#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

inline constexpr int kRowsAtOnce = 4;  // a lane of F4, U4, I4 for each
inline constexpr int kBlockVectors = kBlock / kLanes;
using I8 = hn::Rebind<std::int8_t, F>;
using I16 = hn::Rebind<std::int16_t, F>;
using U4 = hn::Rebind<std::uint32_t, F4>;
using I4 = hn::Rebind<std::int32_t, F4>;
using VI4 = hn::Vec<I4>;

// Lane r: op over the lanes of v[r], op an operation without an order. By transposition.
template <typename D, typename Op>
HWY_INLINE auto fold_lanes(D d, const hn::Vec<D> (&v)[kRowsAtOnce], const Op& op) {
  const hn::Repartition<std::uint64_t, D> pairs;
  const auto fold = [&](hn::Vec<D> a, hn::Vec<D> b)
                        HWY_ATTR { return op(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)); };
  const auto a = hn::BitCast(pairs, fold(v[0], v[1])), b = hn::BitCast(pairs, fold(v[2], v[3]));
  const hn::Vec<D> all =
      op(hn::BitCast(d, hn::InterleaveLower(pairs, a, b)), hn::BitCast(d, hn::InterleaveUpper(pairs, a, b)));
  if constexpr (hn::MaxLanes(D()) == 4) {
    return all;
  } else {
    const hn::Half<D> half;
    const auto eight = op(hn::LowerHalf(half, all), hn::UpperHalf(half, all));
    if constexpr (hn::MaxLanes(D()) == 8) {
      return eight;
    } else {
      const hn::Half<hn::Half<D>> quarter;
      return op(hn::LowerHalf(quarter, eight), hn::UpperHalf(quarter, eight));
    }
  }
}
HWY_INLINE VI4 sum_lanes(const VI (&v)[kRowsAtOnce]) {
  return fold_lanes(I(), v, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); });
}
HWY_INLINE hn::Vec<U4> max_lanes(const VU (&v)[kRowsAtOnce]) {
  return fold_lanes(U(), v, [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); });
}

// The lanes of the first R rows.
template <int R, typename D>
HWY_INLINE void store_rows(D d, hn::Vec<D> v, hn::TFromD<D>* to) {
  if constexpr (R == kRowsAtOnce) {
    hn::StoreU(v, d, to);
  } else if constexpr (R == 1) {
    *to = hn::GetLane(v);
  } else {
    HWY_ALIGN hn::TFromD<D> lanes[kRowsAtOnce];
    hn::Store(v, d, lanes);
    std::memcpy(to, lanes, R * sizeof *to);
  }
}

// A block of each of R rows.
template <int R>
using Quants = VI[R][kBlockVectors];

// One vector of q into its place in a block, k from `at` on.
template <QuantForm kForm>
HWY_INLINE void store_vector(VI q, int at, std::int8_t* values) {
  if constexpr (kForm == QuantForm::int8) {
    hn::StoreU(hn::DemoteTo(I8(), q), I8(), values + at);
  } else if constexpr (kForm == QuantForm::bytes) {
    const VI high = hn::ShiftRight<4>(hn::Add(q, hn::Set(I(), 8)));
    hn::StoreU(hn::DemoteTo(I8(), high), I8(), values + at);
    hn::StoreU(hn::DemoteTo(I8(), hn::Sub(q, hn::ShiftLeft<4>(high))), I8(), values + kBlock + at);
  } else {
    // Words a b c d become a c b d: the middle ones of each 64 bits change places.
    using Quad = hn::Repartition<std::uint64_t, I16>;
    const auto words = hn::BitCast(Quad(), hn::DemoteTo(I16(), q));
    const auto ends = hn::And(words, hn::Set(Quad(), 0xffff00000000ffffu));
    const auto second = hn::ShiftLeft<16>(hn::And(words, hn::Set(Quad(), 0xffff0000u)));
    const auto third = hn::And(hn::ShiftRight<16>(words), hn::Set(Quad(), 0xffff0000u));
    const auto swapped = hn::BitCast(I16(), hn::Or(ends, hn::Or(second, third)));
    hn::StoreU(swapped, I16(), reinterpret_cast<std::int16_t*>(values) + at);
  }
}

#if HWY_TARGET == HWY_AVX3

// Four q after four, of the block's halves in turn: the order that packing 32 q to words makes.
HWY_INLINE __m512i words_of(const VI (&q)[kBlockVectors]) { return _mm512_packs_epi32(q[0].raw, q[1].raw); }

// Packs the bytes of a and b, both in that order; then they are those of a in the block's order, then b's.
HWY_INLINE __m512i pack_bytes(__m512i a, __m512i b) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, _mm512_packs_epi16(a, b));
}

// Words a b c d in the block's order become a c b d.
HWY_INLINE __m512i words_in_pairs(const VI (&q)[kBlockVectors]) {
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i middle =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  return _mm512_permutexvar_epi64(order, _mm512_shuffle_epi8(words_of(q), middle));
}

// Of R rows' blocks, which lie behind each other.
template <QuantForm kForm, int R>
HWY_INLINE void store_blocks(const Quants<R>& q, std::int8_t* values) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    std::int8_t* to = values + r * block_bytes(kForm);
    if constexpr (kForm == QuantForm::int8) {
      if (r % 2 == 0 && r + 1 < R) {
        _mm512_storeu_si512(to, pack_bytes(words_of(q[r]), words_of(q[r + 1])));
      } else if (r % 2 == 0) {
        const __m512i bytes = pack_bytes(words_of(q[r]), words_of(q[r]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(bytes));
      }
    } else if constexpr (kForm == QuantForm::bytes) {
      const __m512i words = words_of(q[r]);
      const __m512i high = _mm512_srai_epi16(_mm512_add_epi16(words, _mm512_set1_epi16(8)), 4);
      const __m512i low = _mm512_sub_epi16(words, _mm512_slli_epi16(high, 4));
      _mm512_storeu_si512(to, pack_bytes(high, low));
    } else {
      _mm512_storeu_si512(to, words_in_pairs(q[r]));
    }
  }
}

#else

template <QuantForm kForm, int R>
HWY_INLINE void store_blocks(const Quants<R>& q, std::int8_t* values) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    std::int8_t* to = values + r * block_bytes(kForm);
#if HWY_TARGET == HWY_AVX2
    if constexpr (kForm == QuantForm::int8) {
      const __m256i words[2] = {_mm256_packs_epi32(q[r][0].raw, q[r][1].raw),
                                _mm256_packs_epi32(q[r][2].raw, q[r][3].raw)};
      const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
      const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words[0], words[1]), order);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
      continue;
    } else if constexpr (kForm != QuantForm::bytes) {  // 16 at once
      const __m256i middle = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,  //
                                              0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
#pragma GCC unroll 16
      for (int i = 0; i < kBlockVectors; i += 2) {
        const __m256i words = _mm256_shuffle_epi8(_mm256_packs_epi32(q[r][i].raw, q[r][i + 1].raw), middle);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 2 * kLanes),
                            _mm256_permute4x64_epi64(words, 0xd8));
      }
      continue;
    }
#endif
#pragma GCC unroll 16
    for (int i = 0; i < kBlockVectors; ++i) store_vector<kForm>(q[r][i], i * kLanes, to);
  }
}

#endif

// Σ q[2j] · q[2j + 1] over the paired fours of each half of the blocks: [half][row]. `values` is what
// store_blocks has stored.
template <int R>
HWY_INLINE void multiply_pairs(const Quants<R>& q, const std::int8_t* values,
                               std::int32_t (&sums)[2][kRowsAtOnce]) {
#if HWY_TARGET == HWY_AVX3
  // From registers: what was stored could be loaded only when it has come to the cache.
  static_assert(kPairedQuads == 3);
  __m512i halves[kRowsAtOnce];  // 32 bits of each 64, a half of them for each half
#pragma GCC unroll 16
  for (int r = 0; r < kRowsAtOnce; ++r) {
    const __m512i words = r < R ? words_in_pairs(q[r < R ? r : 0]) : _mm512_setzero_si512();
    halves[r] = _mm512_maskz_madd_epi16(0x1515, words, _mm512_srli_epi64(words, 32));
  }
  const auto join = [](__m512i even, __m512i odd)
                        HWY_ATTR { return _mm512_or_si512(even, _mm512_slli_epi64(odd, 32)); };
  const __m512i a = join(halves[0], halves[1]), b = join(halves[2], halves[3]);
  const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const __m256i of_half[2] = {_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1)};
  for (int half = 0; half < 2; ++half) {
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums[half]),
        _mm_add_epi32(_mm256_castsi256_si128(of_half[half]), _mm256_extracti128_si256(of_half[half], 1)));
  }
#else
  for (int r = 0; r < R; ++r, values += kBlockBytes) {
    std::int16_t words[kBlock];
    std::memcpy(words, values, sizeof words);
    for (int half = 0; half < 2; ++half) {
      sums[half][r] = 0;
      const int begin = half * kBlock / 2;
      for (int k = begin; k < begin + 4 * kPairedQuads; k += 4) {
        sums[half][r] += words[k] * words[k + 2] + words[k + 1] * words[k + 3];
      }
    }
  }
#endif
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
