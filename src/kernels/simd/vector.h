// Vectors for the simd kernels, compiled once for each instruction set (the guard toggles:
// Highway includes it again for each target). Lanes are different outputs, so their number cannot matter.
#if defined(ISOBATCH_SIMD_VECTOR_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_VECTOR_H
#undef ISOBATCH_SIMD_VECTOR_H
#else
#define ISOBATCH_SIMD_VECTOR_H
#endif

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float16.h"
#include "hwy/highway.h"
#include "kernels/kernels.h"
#include "numerics/exp.h"
#include "numerics/sum.h"

// The sets that have a fused multiply-add; the rest of Highway's targets stay empty and such machines use
// ref.
#undef ISOBATCH_SIMD_TARGET
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
#define ISOBATCH_SIMD_TARGET 1
#else
#define ISOBATCH_SIMD_TARGET 0
#endif

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F = hn::CappedTag<float, kPanel>;
using I = hn::Rebind<std::int32_t, F>;
using U = hn::Rebind<std::uint32_t, F>;
using VF = hn::Vec<F>;
using VI = hn::Vec<I>;
using VU = hn::Vec<U>;
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(F()));
inline constexpr int kVectors = kPanel / kLanes;  // that make 16 lanes

HWY_INLINE VF splat(float x) { return hn::Set(F(), x); }
HWY_INLINE VF load(const float* p) { return hn::LoadU(F(), p); }
HWY_INLINE void store(VF v, float* p) { hn::StoreU(v, F(), p); }
// kLanes halves or bytes (s8, u8), widened exactly.
HWY_INLINE VF load_f16(const void* p) {
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(F(), hn::LoadU(half, static_cast<const hwy::float16_t*>(p)));
}
template <typename T>
HWY_INLINE VF load_bytes(const void* p) {
  const hn::Rebind<T, F> bytes;
  return hn::ConvertTo(F(), hn::PromoteTo(I(), hn::LoadU(bytes, static_cast<const T*>(p))));
}
// Asks for a cache line into L2: a core can wait for more lines there than in L1, and from memory the number
// that are on their way at once is the rate (docs/decisions/0002-native.md).
HWY_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }
// Asks for what a stream of weights will need next; they come in order, and the hardware's prefetcher alone
// leaves a core waiting most of the time when they come from memory. So near ahead, L1 is the better place.
HWY_INLINE void prefetch_ahead(const void* p) { __builtin_prefetch(static_cast<const char*>(p) + 4096); }
// The first n < kLanes values, the rest 0 (a masked load may touch what lies behind them; this does not).
HWY_INLINE VF load_first(const float* p, int n) {
  HWY_ALIGN float buffer[kLanes] = {};
  std::memcpy(buffer, p, n * sizeof(float));
  return hn::Load(F(), buffer);
}
HWY_INLINE void store_first(VF v, int n, float* p) {
  HWY_ALIGN float buffer[kLanes];
  hn::Store(v, F(), buffer);
  std::memcpy(p, buffer, n * sizeof(float));
}

HWY_INLINE VF canonical(VF v) {
  return hn::IfThenElse(hn::IsNaN(v), hn::BitCast(F(), hn::Set(U(), kCanonicalNan)), v);
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

// Two bf16 to the vector: the even ones are the low halves.
HWY_INLINE VF even_bf16(VU pairs) { return hn::BitCast(F(), hn::ShiftLeft<16>(pairs)); }
HWY_INLINE VF odd_bf16(VU pairs) { return hn::BitCast(F(), hn::And(pairs, hn::Set(U(), 0xffff0000u))); }

HWY_INLINE VF round_number_to_bf16(VF x) {  // no NaN
  const VU u = hn::BitCast(U(), x);
  const VU last = hn::And(hn::ShiftRight<16>(u), hn::Set(U(), 1));
  const VU rounded = hn::And(hn::Add(u, hn::Add(last, hn::Set(U(), 0x7fff))), hn::Set(U(), 0xffff0000u));
  return hn::BitCast(F(), rounded);
}
HWY_INLINE VF round_to_bf16(VF x) {
  return hn::IfThenElse(hn::IsNaN(x), canonical(x), round_number_to_bf16(x));
}

// N-DOT-B operands, see ref::round_operand_bf16.
HWY_INLINE VF round_operand_bf16(VF x) {
  const VF rounded = round_to_bf16(x);
  return hn::IfThenZeroElse(hn::Lt(hn::Abs(rounded), splat(0x1p-56f)), rounded);
}
HWY_INLINE VF round_positive_operand_bf16(VF x) {  // no NaN, not negative
  const VF rounded = round_number_to_bf16(x);
  return hn::IfThenZeroElse(hn::Lt(rounded, splat(0x1p-56f)), rounded);
}

HWY_INLINE VF round_to_f16(VF x) {
  const hn::Rebind<hwy::float16_t, F> half;
  return canonical(hn::PromoteTo(F(), hn::DemoteTo(half, x)));
}

// A result, or a step inside an operation that Hugging Face rounds.
template <Rounding kRounding>
HWY_INLINE VF rounded(VF x) {
  if constexpr (kRounding == Rounding::bf16) return round_to_bf16(x);
  if constexpr (kRounding == Rounding::f16) return round_to_f16(x);
  return canonical(x);
}

// numerics::exp of x in [kExpLow, kExpHigh]; of other x anything.
HWY_INLINE VF exp_in_range(VF x) {
  const VF n = hn::Round(hn::Mul(x, splat(numerics::kLog2E)));
  const VF r = hn::NegMulAdd(n, splat(numerics::kLn2Low), hn::NegMulAdd(n, splat(numerics::kLn2High), x));
  VF p = splat(numerics::kExpPolynomial[4]);
  for (int i = 3; i >= 0; --i) p = hn::MulAdd(p, r, splat(numerics::kExpPolynomial[i]));
  const VF y = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), splat(1.0f));
#if HWY_TARGET == HWY_AVX3
  return VF{_mm512_scalef_ps(y.raw, n.raw)};
#else
  // 2ⁿ · y is a normal number, so n can be added to the exponent of y.
  return hn::BitCast(F(), hn::Add(hn::BitCast(I(), y), hn::ShiftLeft<23>(nearest_integers(n))));
#endif
}

// numerics::exp, lane by lane.
HWY_INLINE VF exp(VF x) {
  VF result = exp_in_range(x);
  result = hn::IfThenZeroElse(hn::Lt(x, splat(numerics::kExpLow)), result);
  result = hn::IfThenElse(hn::Gt(x, splat(numerics::kExpHigh)), splat(__builtin_inff()), result);
  return hn::IfThenElse(hn::IsNaN(x), canonical(x), result);
}

// numerics::exp of values that are neither above 0 nor NaN.
HWY_INLINE VF exp_of_negative(VF x) {
  return hn::IfThenZeroElse(hn::Lt(x, splat(numerics::kExpLow)), exp_in_range(x));
}

// numerics::tanh, lane by lane: all branches, then a choice.
HWY_INLINE VF tanh(VF x) {
  const VF magnitude = hn::Abs(x);
  const VF z = hn::Mul(x, x);
  VF p = splat(numerics::kTanhPolynomial[5]);
  for (int i = 4; i >= 0; --i) p = hn::MulAdd(p, z, splat(numerics::kTanhPolynomial[i]));
  const VF small = hn::MulAdd(hn::Mul(x, z), p, x);
  const VF e = hn::Add(exp(hn::Mul(splat(2.0f), magnitude)), splat(1.0f));
  const VF large = hn::Sub(splat(1.0f), hn::Div(splat(2.0f), e));
  return canonical(
      hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, splat(numerics::kTanhSmall)), small, large), x));
}

#include "kernels/row_tiles-inl.h"

// N-SUM: 16 lanes in kVectors vectors.
struct SumLanes {
  VF v[kVectors];
  HWY_INLINE SumLanes() {
    for (int i = 0; i < kVectors; ++i) v[i] = hn::Zero(F());
  }
  HWY_INLINE float fold() const {
    float lanes[numerics::kSumLanes];
    for (int i = 0; i < kVectors; ++i) store(v[i], lanes + i * kLanes);
    return numerics::halving_tree(lanes);
  }
};

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // ISOBATCH_SIMD_TARGET

#endif  // include toggle
