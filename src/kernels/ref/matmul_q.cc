// N-DOT-Q: quantized weights × 12-bit activations. The sum in a block of 32 is exact in int32 (and in f32).
// In a group of 128, which shares the activations' scale dx, t = fma(dw, float(isum), t) over its blocks from
// +0; across groups acc = fma(dx, t, acc) from +0. q4_1's minima m have a chain of their own over all blocks,
// accm = fma(m, dx·float(isumx), accm); the result is acc + accm.
#include <algorithm>

#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

float dot(const PackedMatrix& w, int output, const QuantizedRows& x, int row) {
  constexpr int kBlocksInGroup = kGroup / kBlock;
  float acc = 0.0f, minima = 0.0f;
  for (int group = 0; group < x.groups(); ++group) {
    float t = 0.0f;
    for (int b = group * kBlocksInGroup; b < std::min((group + 1) * kBlocksInGroup, w.blocks()); ++b) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + row;
      const std::int8_t* high = x.values + at * kBlockBytes;
      std::int32_t isum = 0;
      for (int i = 0; i < kBlock; ++i) {
        isum += integer_weight(w, output, b * kBlock + i) * (16 * high[i] + high[kBlock + i]);
      }
      t = numerics::fma(block_scale(w, output, b), static_cast<float>(isum), t);
      if (w.type == TensorType::q4_1) {
        minima = numerics::fma(block_minimum(w, output, b), x.scaled_sums[at], minima);
      }
    }
    acc = numerics::fma(x.scales[static_cast<std::ptrdiff_t>(group) * x.rows + row], t, acc);
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
