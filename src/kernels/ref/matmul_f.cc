// N-DOT-F: float weights × f32 activations. In a chunk of 256 terms one fma chain from +0, k ascending; the
// chunk sums are added in order, from +0.
#include <algorithm>

#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

float dot(const PackedMatrix& w, int output, const float* x) {
  float total = 0.0f;
  for (int begin = 0; begin < w.depth; begin += kDotFChunk) {
    float chunk = 0.0f;
    for (int k = begin; k < std::min(begin + kDotFChunk, w.depth); ++k) {
      chunk = numerics::fma(float_weight(w, output, k), x[k], chunk);
    }
    total = total + chunk;
  }
  return numerics::canonical(total);
}

void matmul(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const int end = std::min(task.panel_end * kPanel, task.weights.outputs);
  for (int r = 0; r < task.rows; ++r) {
    for (int n = task.panel_begin * kPanel; n < end; ++n) {
      task.out[r * task.out_stride + n] = dot(task.weights, n, x + r * x_stride);
    }
  }
}

}  // namespace

void matmul_f32(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  matmul(task, x, x_stride);
}
void matmul_f16(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  matmul(task, x, x_stride);
}
void matmul_bf16(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  matmul(task, x, x_stride);
}

}  // namespace isobatch::kernels::ref
