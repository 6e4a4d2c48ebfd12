// N-QUANT: activations to int8, a scale for each group of 32 along the row.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

// Fills q[0, 32), the scale and the sum of one group of `n` values; q beyond n is 0.
void quantize_group(const float* x, int n, std::int8_t* q, float& scale, std::int32_t& sum) {
  float amax = 0.0f;
  bool finite = true;
  for (int i = 0; i < n; ++i) {
    finite = finite && std::isfinite(x[i]);
    amax = std::max(amax, std::fabs(x[i]));
  }
  std::fill_n(q, kBlock, std::int8_t{0});
  sum = 0;
  if (!finite) {
    scale = numerics::canonical_nan();
    return;
  }
  if (amax < 0x1p-100f) {
    scale = 0.0f;
    return;
  }
  scale = amax / 127.0f;
  const float inverse = 127.0f / amax;
  for (int i = 0; i < n; ++i) {
    q[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f));
    sum += q[i];
  }
}

}  // namespace

void quantize_rows(const float* x, std::ptrdiff_t stride, int row_begin, int row_end,
                   const QuantizedRows& out) {
  for (int r = row_begin; r < row_end; ++r) {
    for (int g = 0; g < out.groups(); ++g) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g) * out.rows + r;
      quantize_group(x + r * stride + g * kBlock, std::min(kBlock, out.depth - g * kBlock),
                     out.values + at * kBlock, out.scales[at], out.sums[at]);
      out.scaled_sums[at] = numerics::canonical(out.scales[at] * static_cast<float>(out.sums[at]));
    }
  }
}

}  // namespace isobatch::kernels::ref
