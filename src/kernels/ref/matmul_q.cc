// N-DOT-Q: quantized weights × int8 activations. The sum in a block of 32 is exact in int32; across blocks
// acc = fma(dw·dx, float(isum), acc), b ascending from +0; q4_1's minima m in a chain of their own,
// accm = fma(m, dx·float(isumx), accm); the result is acc + accm.
#include <algorithm>

#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

float dot(const PackedMatrix& w, int output, const QuantizedRows& x, int row) {
  float acc = 0.0f, minima = 0.0f;
  for (int b = 0; b < w.blocks(); ++b) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + row;
    std::int32_t isum = 0;
    for (int i = 0; i < kBlock; ++i) {
      isum += integer_weight(w, output, b * kBlock + i) * x.values[at * kBlock + i];
    }
    acc = numerics::fma(block_scale(w, output, b) * x.scales[at], static_cast<float>(isum), acc);
    if (w.type == TensorType::q4_1) {
      minima = numerics::fma(block_minimum(w, output, b), x.scaled_sums[at], minima);
    }
  }
  return numerics::canonical(w.type == TensorType::q4_1 ? acc + minima : acc);
}

void matmul(const MatmulTask& task, const QuantizedRows& x) {
  const int end = std::min(task.panel_end * kPanel, task.weights.outputs);
  for (int r = 0; r < task.rows; ++r) {
    for (int n = task.panel_begin * kPanel; n < end; ++n) {
      task.out[r * task.out_stride + n] = dot(task.weights, n, x, r);
    }
  }
}

}  // namespace

void matmul_q8_0(const MatmulTask& task, const QuantizedRows& x) { matmul(task, x); }
void matmul_q4_0(const MatmulTask& task, const QuantizedRows& x) { matmul(task, x); }
void matmul_q4_1(const MatmulTask& task, const QuantizedRows& x) { matmul(task, x); }

}  // namespace isobatch::kernels::ref
