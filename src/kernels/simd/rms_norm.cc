// Same bits as ref/rms_norm.cc: the 16 lanes of N-SUM are the lanes of 1, 2 or 4 vectors.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/rms_norm.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// Four rows at a time, whose chains a core works on together.
template <Rounding kRounding>
struct NormTile {
  const float* x;
  const float* weight;
  float weight_offset, eps;
  int n;
  float* out;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    const float* rows = x + static_cast<std::ptrdiff_t>(first_row) * n;
    float* to = out + static_cast<std::ptrdiff_t>(first_row) * n;
    SumLanes squares[4];
    add_squares<R>(rows, squares);
    const VF4 mean = hn::Div(fold_four(squares), hn::Set(F4(), static_cast<float>(n)));
    HWY_ALIGN float inverse[4];
    hn::Store(hn::Div(hn::Set(F4(), 1.0f), hn::Sqrt(hn::Add(mean, hn::Set(F4(), eps)))), F4(), inverse);

    const VF offset = splat(weight_offset);
    const auto normalized = [&](VF v, VF w, int r) HWY_ATTR {
      return rounded<kRounding>(hn::Mul(rounded_inside<kRounding>(hn::Mul(v, splat(inverse[r]))), w));
    };
    int k = 0;
    for (; k + kLanes <= n; k += kLanes) {
      const VF w = hn::Add(offset, load(weight + k));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) store(normalized(load(rows + r * n + k), w, r), to + r * n + k);
    }
    if (k == n) return;
    const VF w = hn::Add(offset, load_first(weight + k, n - k));
    for (int r = 0; r < R; ++r) {
      store_first(normalized(load_first(rows + r * n + k, n - k), w, r), n - k, to + r * n + k);
    }
  }

 private:
  // Σ x² in the order of N-SUM. A tail filled with +0 is neutral here: a lane of squares is never −0.
  template <int R>
  HWY_INLINE void add_squares(const float* rows, SumLanes (&sums)[4]) const {
    int k = 0;
    for (; k + kPanel <= n; k += kPanel) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int i = 0; i < kVectors; ++i) {
          const VF v = load(rows + r * n + k + i * kLanes);
          sums[r].v[i] = hn::MulAdd(v, v, sums[r].v[i]);
        }
      }
    }
    for (int i = 0; k < n; k += kLanes, ++i) {
      for (int r = 0; r < R; ++r) {
        const VF v = load_first(rows + r * n + k, HWY_MIN(kLanes, n - k));
        sums[r].v[i] = hn::MulAdd(v, v, sums[r].v[i]);
      }
    }
  }
};

template <Rounding kRounding>
void rms_norm(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
              float* out) {
  for_row_tiles<4>(NormTile<kRounding>{x, weight, weight_offset, eps, n, out}, rows);
}

}  // namespace

void use_rms_norm(KernelTable& table) {
  table.rms_norm = {rms_norm<Rounding::none>, rms_norm<Rounding::bf16>, rms_norm<Rounding::f16>};
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
