// N-ROUND: results between operations, and operands of N-DOT-B, which are rounded a little further than bf16.
#include <cmath>

#include "base/float16.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels::ref {

void round_results_bf16(const float* x, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_to_bf16(x[i]);
}

void round_results_f16(const float* x, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_to_f16(x[i]);
}

float round_operand_bf16(float x) {
  const float rounded = round_to_bf16(x);
  return std::fabs(rounded) < 0x1p-56f ? 0.0f : rounded;
}

void round_operands(const float* x, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_operand_bf16(x[i]);
}

}  // namespace isobatch::kernels::ref
