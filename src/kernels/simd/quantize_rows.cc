// Same bits as ref/quantize_rows.cc: a maximum and a sum of integers have no order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_rows.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kGroupVectors = kBlock / kLanes;
using I8 = hn::Rebind<std::int8_t, F>;

HWY_INLINE void quantize_group(const float* x, std::int8_t* q, float& scale, std::int32_t& sum) {
  VF v[kGroupVectors];
  // |x| as integers orders like |x| and puts inf and NaN on top, so one maximum also finds what is not
  // finite.
  VU bits = hn::Zero(U());
  for (int i = 0; i < kGroupVectors; ++i) {
    v[i] = load(x + i * kLanes);
    bits = hn::Max(bits, hn::BitCast(U(), hn::Abs(v[i])));
  }
  const float amax = hn::GetLane(hn::BitCast(F(), hn::MaxOfLanes(U(), bits)));
  if (!(amax >= 0x1p-100f && amax <= 0x1.fffffep127f)) {
    std::memset(q, 0, kBlock);
    sum = 0;
    scale = amax < 0x1p-100f ? 0.0f : numerics::canonical_nan();
    return;
  }
  scale = amax / 127.0f;
  const VF inverse = splat(127.0f / amax);
  VI total = hn::Zero(I());
  for (int i = 0; i < kGroupVectors; ++i) {
    const VF rounded = hn::Min(hn::Max(hn::Round(hn::Mul(v[i], inverse)), splat(-127.0f)), splat(127.0f));
    const VI integer = hn::ConvertTo(I(), rounded);
    total = hn::Add(total, integer);
    hn::StoreU(hn::DemoteTo(I8(), integer), I8(), q + i * kLanes);
  }
  sum = hn::GetLane(hn::SumOfLanes(I(), total));
}

// Groups outside, rows inside: the output is group-major, and a stride of rows · 32 bytes would alias in the
// cache.
void quantize_rows(const float* x, std::ptrdiff_t stride, int row_begin, int row_end,
                   const QuantizedRows& out) {
  for (int g = 0; g < out.groups(); ++g) {
    const int n = HWY_MIN(kBlock, out.depth - g * kBlock);
    for (int r = row_begin; r < row_end; ++r) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g) * out.rows + r;
      const float* group = x + r * stride + g * kBlock;
      float padded[kBlock];
      if (n < kBlock) {
        std::memset(padded, 0, sizeof padded);
        std::memcpy(padded, group, n * sizeof(float));
        group = padded;
      }
      quantize_group(group, out.values + at * kBlock, out.scales[at], out.sums[at]);
      out.scaled_sums[at] = numerics::canonical(out.scales[at] * static_cast<float>(out.sums[at]));
    }
  }
}

}  // namespace

void use_quantize_rows(KernelTable& table) { table.quantize_rows = quantize_rows; }

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
