// Same bits as ref: activations.cc, reductions.cc (add, argmax, sum_exp), round.cc and rope.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/elementwise.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// out[i] = op(a[i], b[i]); `op` puts the results of some vectors at once in the place of their a. Tails go
// through zero-filled vectors.
template <typename Op>
HWY_INLINE void map2(const float* a, const float* b, std::size_t n, float* out, const Op& op) {
  std::size_t i = 0;
  for (; i + kTogether * kLanes <= n; i += kTogether * kLanes) {
    VF x[kTogether], y[kTogether];
#pragma GCC unroll 16
    for (int j = 0; j < kTogether; ++j) x[j] = load(a + i + j * kLanes), y[j] = load(b + i + j * kLanes);
    op(x, y);
#pragma GCC unroll 16
    for (int j = 0; j < kTogether; ++j) store(x[j], out + i + j * kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) {
    VF x[1] = {load(a + i)};
    op(x, {load(b + i)});
    store(x[0], out + i);
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    VF x[1] = {load_first(a + i, rest)};
    op(x, {load_first(b + i, rest)});
    store_first(x[0], rest, out + i);
  }
}

// Operations whose chains are short.
template <typename Op>
struct Each {
  Op op;
  template <int N>
  HWY_INLINE void operator()(VF (&x)[N], const VF (&y)[N]) const {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) x[i] = op(x[i], y[i]);
  }
};

// numerics::erf, lane by lane: all branches, then a choice.
HWY_INLINE VF erf(VF x) {
  const VF magnitude = hn::Abs(x);
  const VF z = hn::Mul(x, x);
  VF p = splat(numerics::kErfSmallPolynomial[6]);
  for (int i = 5; i >= 0; --i) p = hn::MulAdd(p, z, splat(numerics::kErfSmallPolynomial[i]));
  const VF small = hn::MulAdd(x, p, x);
  const VF t = hn::Sub(magnitude, splat(2.0f));
  VF q = splat(numerics::kErfLargePolynomial[8]);
  for (int i = 7; i >= 0; --i) q = hn::MulAdd(q, t, splat(numerics::kErfLargePolynomial[i]));
  const VF middle = hn::CopySign(hn::Sub(splat(1.0f), exp(q)), x);
  const VF large = hn::IfThenElse(hn::Lt(magnitude, splat(4.0f)), middle, hn::CopySign(splat(1.0f), x));
  const VF result = hn::IfThenElse(hn::Lt(magnitude, splat(1.0f)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), canonical(x), result);
}

template <Rounding kRounding>
struct SiluMul {
  template <int N>
  HWY_INLINE void operator()(VF (&gate)[N], const VF (&up)[N]) const {
    VF divisor[N];
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) divisor[i] = hn::Neg(gate[i]);
    one_plus_exp(divisor);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      const VF silu = rounded_inside<kRounding>(hn::Div(gate[i], divisor[i]));
      gate[i] = rounded<kRounding>(hn::Mul(silu, up[i]));
    }
  }
};

template <Rounding kRounding>
struct GeluTanhMul {
  template <int N>
  HWY_INLINE void operator()(VF (&x)[N], const VF (&up)[N]) const {
    VF t[N];
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      const VF inner = hn::MulAdd(hn::Mul(splat(0.044715f), hn::Mul(x[i], x[i])), x[i], x[i]);
      t[i] = hn::Mul(splat(0x1.988454p-1f), inner);
    }
    tanh(t);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      const VF gelu = hn::Mul(hn::Mul(splat(0.5f), x[i]), hn::Add(splat(1.0f), t[i]));
      x[i] = rounded<kRounding>(hn::Mul(rounded_inside<kRounding>(gelu), up[i]));
    }
  }
};

struct GeluErfMul {
  HWY_INLINE VF operator()(VF x, VF up) const {
    const VF e = erf(hn::Mul(x, splat(0x1.6a09e6p-1f)));
    return canonical(hn::Mul(hn::Mul(hn::Mul(splat(0.5f), x), hn::Add(splat(1.0f), e)), up));
  }
};

template <Rounding kRounding>
struct SoftCap {
  VF cap;
  template <int N>
  HWY_INLINE void operator()(VF (&x)[N], const VF (&)[N]) const {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) x[i] = rounded_inside<kRounding>(hn::Div(x[i], cap));
    tanh(x);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      x[i] = rounded<kRounding>(hn::Mul(cap, rounded_inside<kRounding>(x[i])));
    }
  }
};

template <Rounding kRounding>
struct Scale {
  VF factor;
  HWY_INLINE VF operator()(VF x, VF) const { return rounded<kRounding>(hn::Mul(x, factor)); }
};

template <Rounding kRounding>
struct Sum {
  HWY_INLINE VF operator()(VF a, VF b) const { return rounded<kRounding>(hn::Add(a, b)); }
};

template <Rounding kRounding>
struct RoundResult {
  HWY_INLINE VF operator()(VF x, VF) const { return rounded<kRounding>(x); }
};
struct RoundOperand {
  HWY_INLINE VF operator()(VF x, VF) const { return round_operand_bf16(x); }
};

template <Rounding kRounding>
void silu_mul(const float* gate, const float* up, std::size_t n, float* out) {
  map2(gate, up, n, out, SiluMul<kRounding>{});
}
template <Rounding kRounding>
void gelu_tanh_mul(const float* gate, const float* up, std::size_t n, float* out) {
  map2(gate, up, n, out, GeluTanhMul<kRounding>{});
}
void gelu_erf_mul(const float* gate, const float* up, std::size_t n, float* out) {
  map2(gate, up, n, out, Each<GeluErfMul>{});
}
template <Rounding kRounding>
void soft_cap(const float* x, std::size_t n, float cap, float* out) {
  map2(x, x, n, out, SoftCap<kRounding>{splat(cap)});
}
template <Rounding kRounding>
void scale(const float* x, std::size_t n, float factor, float* out) {
  map2(x, x, n, out, Each<Scale<kRounding>>{{splat(factor)}});
}
template <Rounding kRounding>
void add(const float* a, const float* b, std::size_t n, float* out) {
  map2(a, b, n, out, Each<Sum<kRounding>>{});
}
template <Rounding kRounding>
void round_results(const float* x, std::size_t n, float* out) {
  map2(x, x, n, out, Each<RoundResult<kRounding>>{});
}
void round_operands(const float* x, std::size_t n, float* out) { map2(x, x, n, out, Each<RoundOperand>{}); }

// The greatest value first, then the first place that holds it.
int argmax(const float* x, int n) {
  const float lowest = -__builtin_inff();
  VF best = splat(lowest);
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const VF v = load(x + i);
    best = hn::IfThenElse(hn::Gt(v, best), v, best);  // false for NaN
  }
  float highest = hn::GetLane(hn::MaxOfLanes(F(), best));
  for (; i < n; ++i) {
    if (x[i] > highest) highest = x[i];
  }
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const auto found = hn::FindFirstTrue(F(), hn::Eq(load(x + i), splat(highest)));
    if (found >= 0) return i + static_cast<int>(found);
  }
  for (; i < n; ++i) {
    if (x[i] == highest) return i;
  }
  return -1;
}

// A tail filled with +0 is neutral: a lane of exponentials is never −0.
float sum_exp(const float* x, int n, float offset) {
  SumLanes sum;
  const VF shift = splat(offset);
  int k = 0;
  for (; k + kPanel <= n; k += kPanel) {
    for (int i = 0; i < kVectors; ++i) {
      sum.v[i] = hn::Add(sum.v[i], exp(hn::Sub(load(x + k + i * kLanes), shift)));
    }
  }
  for (int i = 0; k < n; k += kLanes, ++i) {
    const int rest = HWY_MIN(kLanes, n - k);
    const VF e = exp(hn::Sub(load_first(x + k, rest), shift));
    sum.v[i] = hn::Add(sum.v[i], hn::IfThenElseZero(hn::FirstN(F(), rest), e));
  }
  return numerics::canonical(sum.fold());
}

// a·c + b·s.
template <Rounding kRounding>
HWY_INLINE VF turn(VF a, VF c, VF b, VF s) {
  if constexpr (kRounding == Rounding::none) return canonical(hn::MulAdd(a, c, hn::Mul(b, s)));
  return rounded<kRounding>(hn::Add(rounded<kRounding>(hn::Mul(a, c)), rounded<kRounding>(hn::Mul(b, s))));
}

template <Rounding kRounding>
void rope(float* x, std::ptrdiff_t stride, const float* cos, const float* sin, const std::int32_t* positions,
          int rows, int heads, int head_dim) {
  const int half = head_dim / 2;
  for (int r = 0; r < rows; ++r, x += stride) {
    const float* c = cos + static_cast<std::ptrdiff_t>(positions[r]) * half;
    const float* s = sin + static_cast<std::ptrdiff_t>(positions[r]) * half;
    for (int h = 0; h < heads; ++h) {
      float* first = x + h * head_dim;
      float* second = first + half;
      int i = 0;
      for (; i + kLanes <= half; i += kLanes) {
        const VF x1 = load(first + i), x2 = load(second + i), vc = load(c + i), vs = load(s + i);
        store(turn<kRounding>(x1, vc, hn::Neg(x2), vs), first + i);
        store(turn<kRounding>(x2, vc, x1, vs), second + i);
      }
      if (const int rest = half - i; rest > 0) {
        const VF x1 = load_first(first + i, rest), x2 = load_first(second + i, rest);
        const VF vc = load_first(c + i, rest), vs = load_first(s + i, rest);
        store_first(turn<kRounding>(x1, vc, hn::Neg(x2), vs), rest, first + i);
        store_first(turn<kRounding>(x2, vc, x1, vs), rest, second + i);
      }
    }
  }
}

}  // namespace

void use_elementwise(KernelTable& table) {
  table.silu_mul = {silu_mul<Rounding::none>, silu_mul<Rounding::bf16>, silu_mul<Rounding::f16>};
  table.gelu_tanh_mul = {gelu_tanh_mul<Rounding::none>, gelu_tanh_mul<Rounding::bf16>,
                         gelu_tanh_mul<Rounding::f16>};
  table.gelu_erf_mul = gelu_erf_mul;
  table.soft_cap = {soft_cap<Rounding::none>, soft_cap<Rounding::bf16>, soft_cap<Rounding::f16>};
  table.add = {add<Rounding::none>, add<Rounding::bf16>, add<Rounding::f16>};
  table.scale = {scale<Rounding::none>, scale<Rounding::bf16>, scale<Rounding::f16>};
  table.round_results = {nullptr, round_results<Rounding::bf16>, round_results<Rounding::f16>};
  table.round_operands = round_operands;
  table.argmax = argmax;
  table.sum_exp = sum_exp;
  table.rope = {rope<Rounding::none>, rope<Rounding::bf16>, rope<Rounding::f16>};
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
