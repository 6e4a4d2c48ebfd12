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

// Tiles are rows × vectors of outputs: the vectors share the loads of the rows' values. A matrix product has
// 16 outputs at once, attention 32. As many rows as keep the multipliers busy and the sums in registers.
inline constexpr int kVectorsAtOnce = kLanes == 16 ? 1 : 2;
inline constexpr int kWidth = kVectorsAtOnce * kLanes;
inline constexpr int kRowsOfTwoChains = kLanes == 16  ? 8
                                        : kLanes == 8 ? 6
                                                      : 4;                      // N-DOT-B: even and odd terms
inline constexpr int kRowsOfOneChain = kLanes == 16 ? 8 : kLanes == 8 ? 6 : 4;  // N-DOT-F
// Up to so many rows have both chains in registers at once; more take one chain after the other.
template <int V>
inline constexpr int kRowsOfBothChains = kLanes == 8              ? 3
                                         : kLanes == 16 && V == 2 ? 5
                                                                  : 8;

template <int R, int V>
HWY_INLINE void set_zero(VF (&sums)[R][V]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[r][v] = hn::Zero(F());
  }
}

// What a loop asks for while it reads weights: line by line among the products, since many lines at once are
// more than a core can wait for.
struct AskNothing {
  HWY_INLINE void operator()(const void*) const {}
};
struct AskNear {  // what comes next in a matrix
  HWY_INLINE void operator()(const void* now) const { prefetch_ahead(now); }
};
struct AskAt {
  std::ptrdiff_t distance;  // from what is read now to what will be needed; 0: who has this asks for nothing
  HWY_INLINE void operator()(const void* now) const { prefetch(static_cast<const char*>(now) + distance); }
};

HWY_INLINE VU load_pairs(const std::uint16_t* pairs) {
  VU v = hn::LoadU(U(), reinterpret_cast<const std::uint32_t*>(pairs));
#if HWY_ARCH_X86
  asm("" : "+v"(v.raw));  // else gcc loads twice, and loads are what the loops below wait for
#endif
  return v;
}

// Terms 2j + kOdd, j in [begin, end), of N-DOT-B, in one chain for each row and output.
template <int kOdd, int R, int V, typename Ask>
HWY_INLINE void dot_b_chain(const std::uint16_t* pairs, std::ptrdiff_t stride, int begin, int end,
                            const float* x, std::ptrdiff_t x_stride, VF (&chain)[R][V], const Ask& ask) {
  for (int j = begin; j < end; ++j) {
    VF w[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      ask(pairs + j * stride + v * 2 * kLanes);
      const VU both = load_pairs(pairs + j * stride + v * 2 * kLanes);
      w[v] = kOdd ? odd_bf16(both) : even_bf16(both);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF x_j = splat(x[r * x_stride + 2 * j + kOdd]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) chain[r][v] = hn::MulAdd(w[v], x_j, chain[r][v]);
    }
  }
}

// Pairs [begin, end) of both chains.
template <int R, int V, typename Ask>
HWY_INLINE void dot_b_chains(const std::uint16_t* pairs, std::ptrdiff_t stride, int begin, int end,
                             const float* x, std::ptrdiff_t x_stride, VF (&even)[R][V], VF (&odd)[R][V],
                             const Ask& ask) {
  if constexpr (kLanes == 8 && R == kRowsOfBothChains<V>) {
    // The sums leave no registers for the weights of both: these are loaded twice. Without the barriers gcc
    // loads once and keeps sums in memory instead.
    for (int j = begin; j < end; ++j) {
      dot_b_chain<0>(pairs, stride, j, j + 1, x, x_stride, even, ask);
      asm volatile("" ::: "memory");
      dot_b_chain<1>(pairs, stride, j, j + 1, x, x_stride, odd, AskNothing());
      asm volatile("" ::: "memory");
    }
    return;
  }
  for (int j = begin; j < end; ++j) {
    VF w_even[V], w_odd[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      ask(pairs + j * stride + v * 2 * kLanes);
      const VU w = load_pairs(pairs + j * stride + v * 2 * kLanes);
      w_even[v] = even_bf16(w);
      w_odd[v] = odd_bf16(w);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF x_even = splat(x[r * x_stride + 2 * j]), x_odd = splat(x[r * x_stride + 2 * j + 1]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        even[r][v] = hn::MulAdd(w_even[v], x_even, even[r][v]);
        odd[r][v] = hn::MulAdd(w_odd[v], x_odd, odd[r][v]);
      }
    }
  }
}

// One block of N-DOT-B: up to 32 terms k of V · kLanes outputs. `pairs` points to [terms/2][stride/2][2]
// bf16, stride in bf16; x to the rows' bf16 values as f32. An odd last term uses the first half of its pair
// only, and an odd `first` the second half of its own; the terms before `first` are not touched.
template <int R, int V, typename Ask>
HWY_INLINE void dot_b_block(const std::uint16_t* pairs, std::ptrdiff_t stride, int first, int terms,
                            const float* x, std::ptrdiff_t x_stride, VF (&acc)[R][V], const Ask& ask) {
  const int begin = (first + 1) / 2, whole = terms / 2;
  VF even[R][V], odd[R][V];
  set_zero(even);
  if constexpr (R > kRowsOfBothChains<V>) {
    dot_b_chain<0>(pairs, stride, begin, whole + terms % 2, x, x_stride, even, ask);
    HWY_ALIGN float sums[R][V * kLanes];  // in memory: the registers are for the other chain
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) hn::Store(even[r][v], F(), sums[r] + v * kLanes);
    }
    set_zero(odd);
    dot_b_chain<1>(pairs, stride, first / 2, whole, x, x_stride, odd, AskNothing());
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        acc[r][v] = hn::Add(acc[r][v], hn::Add(hn::Load(F(), sums[r] + v * kLanes), odd[r][v]));
      }
    }
    return;
  }
  set_zero(odd);
  if (first % 2 != 0) dot_b_chain<1>(pairs, stride, first / 2, begin, x, x_stride, odd, ask);
  dot_b_chains(pairs, stride, begin, whole, x, x_stride, even, odd, ask);
  if (terms % 2 != 0) dot_b_chain<0>(pairs, stride, whole, whole + 1, x, x_stride, even, ask);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[r][v] = hn::Add(acc[r][v], hn::Add(even[r][v], odd[r][v]));
  }
}

HWY_INLINE VF load_weights(const float* p) { return load(p); }
HWY_INLINE VF load_weights(const std::uint16_t* p) { return load_f16(p); }
HWY_INLINE VF load_weights(const std::int8_t* p) { return load_bytes<std::int8_t>(p); }

// One chunk of N-DOT-F: `terms` terms of V · kLanes outputs; weights [terms][stride] of Element (f32, f16,
// s8).
template <int R, int V, typename Element, typename Ask>
HWY_INLINE void dot_f_chunk(const Element* weights, std::ptrdiff_t stride, int terms, const float* x,
                            std::ptrdiff_t x_stride, VF (&acc)[R][V], const Ask& ask) {
  constexpr int kInLine = HWY_MAX(1, 64 / (kLanes * static_cast<int>(sizeof(Element))));  // vectors
  VF chunk[R][V];
  set_zero(chunk);
  for (int k = 0; k < terms; ++k) {
    VF w[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const Element* at = weights + k * stride + v * kLanes;
      if (v % kInLine == 0) ask(at);
      w[v] = load_weights(at);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF x_k = splat(x[r * x_stride + k]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) chunk[r][v] = hn::MulAdd(w[v], x_k, chunk[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[r][v] = hn::Add(acc[r][v], chunk[r][v]);
  }
}

// The same with bf16 weights in pairs; a chunk starts at an even term.
template <int R, int V>
HWY_INLINE void dot_f_chunk_pairs(const std::uint16_t* pairs, std::ptrdiff_t stride, int terms,
                                  const float* x, std::ptrdiff_t x_stride, VF (&acc)[R][V]) {
  VF chunk[R][V];
  set_zero(chunk);
  for (int k = 0; k < terms; ++k) {
    const std::uint16_t* at = pairs + k / 2 * stride;
    AskNear()(at);
    VF w[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VU both = load_pairs(at + v * 2 * kLanes);
      w[v] = k % 2 == 0 ? even_bf16(both) : odd_bf16(both);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF x_k = splat(x[r * x_stride + k]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) chunk[r][v] = hn::MulAdd(w[v], x_k, chunk[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[r][v] = hn::Add(acc[r][v], chunk[r][v]);
  }
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // ISOBATCH_SIMD_TARGET

#endif  // include toggle
