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

// A result.
template <Rounding kRounding>
HWY_INLINE VF rounded(VF x) {
  if constexpr (kRounding == Rounding::bf16) return round_to_bf16(x);
  if constexpr (kRounding == Rounding::f16) return round_to_f16(x);
  return canonical(x);
}
// A step inside an operation that Hugging Face rounds. Which NaN it is does not matter before the result.
template <Rounding kRounding>
HWY_INLINE VF rounded_inside(VF x) {
  if constexpr (kRounding == Rounding::none) return x;
  return rounded<kRounding>(x);
}

// A chain of operations such as exp takes long, and a core looks ahead over a few dozen instructions only: so
// several vectors take each of its steps together.
inline constexpr int kTogether = kLanes == 8 ? 2 : 4;

// p = a polynomial of x by Horner's rule, coefficients from the lowest power on.
template <int N, int M>
HWY_INLINE void evaluate(const float (&coefficients)[M], const VF (&x)[N], VF (&p)[N]) {
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) p[i] = splat(coefficients[M - 1]);
#pragma GCC unroll 16
  for (int k = M - 2; k >= 0; --k) {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) p[i] = hn::MulAdd(p[i], x[i], splat(coefficients[k]));
  }
}

// x = numerics::exp of x in [kExpLow, kExpHigh]; of other x anything.
template <int N>
HWY_INLINE void exp_in_range(VF (&x)[N]) {
  VF n[N], p[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) n[i] = hn::Round(hn::Mul(x[i], splat(numerics::kLog2E)));
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) x[i] = hn::NegMulAdd(n[i], splat(numerics::kLn2High), x[i]);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) x[i] = hn::NegMulAdd(n[i], splat(numerics::kLn2Low), x[i]);
  evaluate(numerics::kExpPolynomial, x, p);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    x[i] = hn::Add(hn::MulAdd(p[i], hn::Mul(x[i], x[i]), x[i]), splat(1.0f));
  }
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
#if HWY_TARGET == HWY_AVX3
    x[i].raw = _mm512_scalef_ps(x[i].raw, n[i].raw);
#else
    // 2ⁿ · y is a normal number, so n can be added to the exponent of y.
    x[i] = hn::BitCast(F(), hn::Add(hn::BitCast(I(), x[i]), hn::ShiftLeft<23>(nearest_integers(n[i]))));
#endif
  }
}

// x = numerics::exp(x), lane by lane.
template <int N>
HWY_INLINE void exp(VF (&x)[N]) {
  VF e[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) e[i] = x[i];
  exp_in_range(e);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    e[i] = hn::IfThenZeroElse(hn::Lt(x[i], splat(numerics::kExpLow)), e[i]);
    e[i] = hn::IfThenElse(hn::Gt(x[i], splat(numerics::kExpHigh)), splat(__builtin_inff()), e[i]);
    x[i] = hn::IfThenElse(hn::IsNaN(x[i]), canonical(x[i]), e[i]);
  }
}
HWY_INLINE VF exp(VF x) {
  VF one[1] = {x};
  exp(one);
  return one[0];
}

// x = numerics::exp(x), of values that are neither above 0 nor NaN.
template <int N>
HWY_INLINE void exp_of_negative(VF (&x)[N]) {
  VF e[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) e[i] = x[i];
  exp_in_range(e);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) x[i] = hn::IfThenZeroElse(hn::Lt(x[i], splat(numerics::kExpLow)), e[i]);
}

// x = 1 + numerics::exp(x), lane by lane; NaN or not where x is NaN.
template <int N>
HWY_INLINE void one_plus_exp(VF (&x)[N]) {
  VF e[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) e[i] = hn::Max(x[i], splat(numerics::kExpLow));  // less adds nothing to 1
  exp_in_range(e);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    e[i] = hn::IfThenElse(hn::Gt(x[i], splat(numerics::kExpHigh)), splat(__builtin_inff()), e[i]);
    x[i] = hn::Add(splat(1.0f), e[i]);
  }
}

// x = numerics::tanh(x), lane by lane: all branches, then a choice.
template <int N>
HWY_INLINE void tanh(VF (&x)[N]) {
  VF z[N], p[N], e[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) e[i] = hn::Mul(splat(2.0f), hn::Abs(x[i]));
  one_plus_exp(e);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) z[i] = hn::Mul(x[i], x[i]);
  evaluate(numerics::kTanhPolynomial, z, p);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    const VF small = hn::MulAdd(hn::Mul(x[i], z[i]), p[i], x[i]);
    const VF large = hn::Sub(splat(1.0f), hn::Div(splat(2.0f), e[i]));
    const auto is_large = hn::Ge(hn::Abs(x[i]), splat(numerics::kTanhSmall));  // NaN: small, which is one
    x[i] = canonical(hn::CopySign(hn::IfThenElse(is_large, large, small), x[i]));
  }
}

#include "kernels/row_tiles-inl.h"

using F4 = hn::FixedTag<float, 4>;
using VF4 = hn::Vec<F4>;

// Lanes i + (i + half of them), until four are left.
template <typename D>
HWY_INLINE VF4 fold_to_four(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return fold_to_four(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// N-SUM: 16 lanes in kVectors vectors.
struct SumLanes {
  VF v[kVectors];
  HWY_INLINE SumLanes() {
    for (int i = 0; i < kVectors; ++i) v[i] = hn::Zero(F());
  }
  // The first half of numerics::halving_tree.
  HWY_INLINE VF4 four() const {
    VF sums[kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) sums[i] = v[i];
#pragma GCC unroll 16
    for (int width = kVectors / 2; width > 0; width /= 2) {
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) sums[i] = hn::Add(sums[i], sums[i + width]);
    }
    return fold_to_four(F(), sums[0]);
  }
  HWY_INLINE float fold() const {
    const VF4 lanes = four(), pairs = hn::Add(lanes, hn::Shuffle1032(lanes));
    return hn::GetLane(hn::Add(pairs, hn::Shuffle2301(pairs)));
  }
};

// fold() of four sums.
HWY_INLINE VF4 fold_four(const SumLanes (&sums)[4]) {
  VF4 pairs[2];  // of two sums, lanes 0 + 2, then 1 + 3
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const VF4 a = sums[2 * i].four(), b = sums[2 * i + 1].four();
    pairs[i] = hn::Add(hn::InterleaveLower(F4(), a, b), hn::InterleaveUpper(F4(), a, b));
  }
  return hn::Add(hn::ConcatLowerLower(F4(), pairs[1], pairs[0]),
                 hn::ConcatUpperUpper(F4(), pairs[1], pairs[0]));
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // ISOBATCH_SIMD_TARGET

#endif  // include toggle
