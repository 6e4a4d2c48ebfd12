// Operands of N-DOT-B.
#include <cmath>

#include "base/float16.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels::ref {

float round_operand_bf16(float x) {
  const float rounded = bf16_to_f32(f32_to_bf16(x));
  return std::fabs(rounded) < 0x1p-56f ? 0.0f : rounded;
}

void round_bf16(const float* x, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_operand_bf16(x[i]);
}

}  // namespace isobatch::kernels::ref
