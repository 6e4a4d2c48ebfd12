// N-NORM, LayerNorm: c = x − mean(x); out = (c · (1/√(mean(c²) + eps))) · weight + bias.
// Ba, Kiros & Hinton, "Layer Normalization", 2016.
#include <cmath>

#include "kernels/ref/ref.h"
#include "numerics/scalar.h"
#include "numerics/sum.h"

namespace isobatch::kernels::ref {

void layer_norm(const float* x, const float* weight, const float* bias, float eps, int rows, int n,
                float* out) {
  for (int r = 0; r < rows; ++r, x += n, out += n) {
    const float mean = numerics::sum(x, n) / static_cast<float>(n);
    const float squares = numerics::sum_terms(n, [x, mean](float lane, std::size_t k) {
      const float centred = x[k] - mean;
      return numerics::fma(centred, centred, lane);
    });
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
    for (int k = 0; k < n; ++k) {
      const float scaled = ((x[k] - mean) * inverse) * weight[k];
      out[k] = numerics::canonical(bias ? scaled + bias[k] : scaled);
    }
  }
}

}  // namespace isobatch::kernels::ref
