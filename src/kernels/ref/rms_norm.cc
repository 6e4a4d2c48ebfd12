// N-NORM, root mean square: out = (x · (1/√(mean(x²) + eps))) · (offset + weight). In bf16 and f16 both
// products are rounded.
// Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019; order of rounding as in Hugging Face's
// Llama.
#include <cmath>

#include "kernels/ref/ref.h"
#include "numerics/scalar.h"
#include "numerics/sum.h"

namespace isobatch::kernels::ref {
namespace {

template <float (*round)(float)>
void normalize(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
               float* out) {
  for (int r = 0; r < rows; ++r, x += n, out += n) {
    const float squares =
        numerics::sum_terms(n, [x](float lane, std::size_t k) { return numerics::fma(x[k], x[k], lane); });
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
    for (int k = 0; k < n; ++k) {
      out[k] = round(round(x[k] * inverse) * (weight_offset + weight[k]));
    }
  }
}

}  // namespace

void rms_norm(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
              float* out) {
  normalize<numerics::canonical>(x, weight, weight_offset, eps, rows, n, out);
}

void rms_norm_bf16(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
                   float* out) {
  normalize<round_to_bf16>(x, weight, weight_offset, eps, rows, n, out);
}

void rms_norm_f16(const float* x, const float* weight, float weight_offset, float eps, int rows, int n,
                  float* out) {
  normalize<round_to_f16>(x, weight, weight_offset, eps, rows, n, out);
}

}  // namespace isobatch::kernels::ref
