// Same bits as ref/rms_norm.cc: the 16 lanes of N-SUM are the lanes of 1, 2 or 4 vectors.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/rms_norm.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// Σ x² in the order of N-SUM. A tail filled with +0 is neutral here: a lane of squares is never −0.
HWY_INLINE float sum_of_squares(const float* x, int n) {
  SumLanes sum;
  int k = 0;
  for (; k + kPanel <= n; k += kPanel) {
    for (int i = 0; i < kVectors; ++i) {
      const VF v = load(x + k + i * kLanes);
      sum.v[i] = hn::MulAdd(v, v, sum.v[i]);
    }
  }
  for (int i = 0; k < n; k += kLanes, ++i) {
    const VF v = load_first(x + k, HWY_MIN(kLanes, n - k));
    sum.v[i] = hn::MulAdd(v, v, sum.v[i]);
  }
  return sum.fold();
}

template <Rounding kRounding>
void rms_norm(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
              float* out) {
  for (int r = 0; r < rows; ++r, x += n, out += n) {
    const float inverse = 1.0f / std::sqrt(sum_of_squares(x, n) / static_cast<float>(n) + eps);
    const VF scale = splat(inverse), offset = splat(weight_offset);
    const auto normalized = [&](VF v, VF w) HWY_ATTR {
      return rounded<kRounding>(hn::Mul(rounded<kRounding>(hn::Mul(v, scale)), hn::Add(offset, w)));
    };
    int k = 0;
    for (; k + kLanes <= n; k += kLanes) store(normalized(load(x + k), load(weight + k)), out + k);
    if (k < n)
      store_first(normalized(load_first(x + k, n - k), load_first(weight + k, n - k)), n - k, out + k);
  }
}

}  // namespace

void use_rms_norm(KernelTable& table) {
  table.rms_norm = {rms_norm<Rounding::none>, rms_norm<Rounding::bf16>, rms_norm<Rounding::f16>};
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
