// N-DOT-Q: quantized weights × activations of 12 or 8 bits. The sum over the values that share a scale (a
// block of 32, or of 16) is exact in int32, and in f32. In a group, the 128 (8 bits: 32) that share the
// activations' scale dx, t = fma(dw, float(isum), t) over its blocks from +0; across groups acc = fma(dx, t,
// acc) from +0. Minima m have a chain of their own over all blocks, accm = fma(m, dx·float(isumx), accm); the
// result is acc + accm.
#include <algorithm>
#include <vector>

#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

struct IntegerSums {
  std::int32_t products = 0;     // Σ q_w · q_x
  std::int32_t activations = 0;  // Σ q_x
};

// `q` are the integers of an output's weights.
IntegerSums sum_block(const std::int8_t* q, const QuantizedRows& x, int row, int first, int n) {
  IntegerSums sums;
  for (int k = first; k < first + n; ++k) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k / kBlock) * x.rows + row;
    const std::int8_t* value = x.values + at * block_bytes(x.form) + k % kBlock;
    const int activation = x.form == QuantForm::int8 ? value[0] : 16 * value[0] + value[kBlock];
    sums.products += q[k] * activation;
    sums.activations += activation;
  }
  return sums;
}

float dot(const PackedMatrix& w, int output, const std::int8_t* q, const QuantizedRows& x, int row) {
  const QuantLayout layout = quant_layout(w.type);
  const int group_size = values_per_scale(x.form);
  float acc = 0.0f, minima = 0.0f;
  for (int group = 0; group < x.scale_rows(); ++group) {
    const float dx = x.scales[static_cast<std::ptrdiff_t>(group) * x.rows + row];
    const int begin = group * group_size;
    float t = 0.0f;
    for (int k = begin; k < std::min(begin + group_size, w.depth); k += layout.scaled) {
      const IntegerSums sums = sum_block(q, x, row, k, layout.scaled);
      const int block = k / layout.scaled;
      t = numerics::fma(block_scale(w, output, block), static_cast<float>(sums.products), t);
      if (layout.minima) {
        const float scaled_sum = numerics::canonical(dx * static_cast<float>(sums.activations));
        minima = numerics::fma(block_minimum(w, output, block), scaled_sum, minima);
      }
    }
    acc = numerics::fma(dx, t, acc);
  }
  return numerics::canonical(layout.minima ? acc + minima : acc);
}

}  // namespace

void matmul_q(const MatmulTask& task, const QuantizedRows& x) {
  const int end = std::min(task.panel_end * kPanel, task.weights.outputs);
  std::vector<std::int8_t> q(task.weights.depth);
  for (int n = task.panel_begin * kPanel; n < end; ++n) {
    for (int k = 0; k < task.weights.depth; ++k) {
      q[k] = static_cast<std::int8_t>(integer_weight(task.weights, n, k));
    }
    for (int r = 0; r < task.rows; ++r) {
      task.out[r * task.out_stride + n] = dot(task.weights, n, q.data(), x, r);
    }
  }
}

}  // namespace isobatch::kernels::ref
