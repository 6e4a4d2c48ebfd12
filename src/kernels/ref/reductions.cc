// Residual add, argmax and the softmax denominator.
#include "kernels/ref/ref.h"
#include "numerics/exp.h"
#include "numerics/sum.h"

namespace isobatch::kernels::ref {

void add(const float* a, const float* b, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = numerics::canonical(a[i] + b[i]);
}

void add_bf16(const float* a, const float* b, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_to_bf16(a[i] + b[i]);
}

void add_f16(const float* a, const float* b, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_to_f16(a[i] + b[i]);
}

int argmax(const float* x, int n) {
  int best = -1;
  for (int i = 0; i < n; ++i) {
    if (x[i] == x[i] && (best < 0 || x[i] > x[best])) best = i;
  }
  return best;
}

float sum_exp(const float* x, int n, float offset) {
  return numerics::canonical(numerics::sum_terms(
      n, [x, offset](float lane, std::size_t k) { return lane + numerics::exp(x[k] - offset); }));
}

}  // namespace isobatch::kernels::ref
