#include "tests/invariance/matmul_double.h"

#include <algorithm>
#include <cmath>

#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"
#include "tests/invariance/mutant.h"

namespace isobatch::invariance {
namespace {

using kernels::kBlock;
using kernels::kBlockBytes;
using kernels::kGroup;
using kernels::MatmulTask;
using kernels::QuantizedRows;

template <typename Dot>
void for_outputs(const MatmulTask& task, Dot&& dot) {
  const int end = std::min(task.panel_end * kernels::kPanel, task.weights.outputs);
  for (int r = 0; r < task.rows; ++r) {
    for (int n = task.panel_begin * kernels::kPanel; n < end; ++n) {
      task.out[r * task.out_stride + n] = numerics::canonical(dot(r, n));
    }
  }
}

template <int kLanes>
void matmul_in_lanes(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  for_outputs(task, [&](int row, int output) {
    float lanes[kLanes] = {};
    for (int k = 0; k < task.weights.depth; ++k) {
      const float w = kernels::ref::float_weight(task.weights, output, k);
      lanes[k % kLanes] = numerics::fma(w, x[row * x_stride + k], lanes[k % kLanes]);
    }
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
    }
    return lanes[0];
  });
}

void matmul_by_rows(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  if (task.rows == 1) return matmul_in_lanes<16>(task, x, x_stride);
  kernels::ref_table().matmul_f[static_cast<std::size_t>(task.weights.type)](task, x, x_stride);
}

void matmul_b_by_rows(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const auto matmul = task.rows == 1 ? matmul_in_lanes<16> : kernels::ref::matmul_b;
  matmul(task, x, x_stride);
}

kernels::KernelTable with_matmul_f(std::string_view name, kernels::MatmulF* matmul) {
  return changed_table(name, [matmul](kernels::KernelTable& t) {
    for (kernels::MatmulF*& entry : t.matmul_f) {
      if (entry != nullptr) entry = matmul;
    }
  });
}

constexpr float kHighest = 2032.0f;  // N-QUANT's greatest magnitude

// Of one group in all rows.
float greatest_of_batch(const float* x, std::ptrdiff_t stride, int rows, int n) {
  float amax = 0x1p-100f;
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < n; ++i) amax = std::max(amax, std::fabs(x[row * stride + i]));
  }
  return amax;
}

void quantize_over_the_batch(const float* x, std::ptrdiff_t stride, const kernels::QuantizedPart& part,
                             const QuantizedRows& out) {
  kernels::ref::quantize_rows_bytes(x, stride, part, out);  // fills short blocks
  for (int k = part.group_begin * kGroup; k < std::min(part.group_end * kGroup, out.depth); ++k) {
    const int group = k / kGroup, block = k / kBlock;
    const float amax =
        greatest_of_batch(x + group * kGroup, stride, out.rows, std::min(kGroup, out.depth - group * kGroup));
    for (int r = part.row_begin; r < part.row_end; ++r) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(block) * out.rows + r;
      const int q = static_cast<int>(
          std::clamp(std::nearbyint(x[r * stride + k] * (kHighest / amax)), -kHighest, kHighest));
      const int high = (q + 8) >> 4;
      out.values[at * kBlockBytes + k % kBlock] = static_cast<std::int8_t>(high);
      out.values[at * kBlockBytes + kBlock + k % kBlock] = static_cast<std::int8_t>(q - 16 * high);
      out.sums[at] = (k % kBlock == 0 ? 0 : out.sums[at]) + q;
      const float scale = amax / kHighest;
      out.scales[static_cast<std::ptrdiff_t>(group) * out.rows + r] = scale;
      out.scaled_sums[at] = scale * static_cast<float>(out.sums[at]);
    }
  }
}

std::int32_t block_sum(const kernels::PackedMatrix& weights, int output, int block,
                       const std::int8_t* values) {
  std::int32_t sum = 0;
  for (int i = 0; i < kBlock; ++i) {
    const int q = 16 * values[i] + values[kBlock + i];
    sum += kernels::ref::integer_weight(weights, output, block * kBlock + i) * q;
  }
  return sum;
}

void matmul_with_minima_by_rows(const MatmulTask& task, const QuantizedRows& x) {
  if (task.rows == 1) return kernels::ref::matmul_q(task, x);
  for_outputs(task, [&](int row, int output) {
    const kernels::PackedMatrix& w = task.weights;
    float acc = 0.0f, in_group = 0.0f;
    for (int b = 0; b < w.blocks(); ++b) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + row;
      const float sum = static_cast<float>(block_sum(w, output, b, x.values + at * kBlockBytes));
      in_group = numerics::fma(kernels::ref::block_scale(w, output, b), sum, in_group);
      acc = numerics::fma(kernels::ref::block_minimum(w, output, b), x.scaled_sums[at], acc);
      if ((b + 1) % (kGroup / kBlock) != 0 && b + 1 < w.blocks()) continue;
      const int group = b * kBlock / kGroup;
      acc = numerics::fma(x.scales[static_cast<std::ptrdiff_t>(group) * x.rows + row], in_group, acc);
      in_group = 0.0f;
    }
    return acc;
  });
}

}  // namespace

const kernels::KernelTable& matmul_in_8_lanes() {
  static const kernels::KernelTable table = with_matmul_f("8 lanes", matmul_in_lanes<8>);
  return table;
}

const kernels::KernelTable& matmul_in_16_lanes() {
  static const kernels::KernelTable table = with_matmul_f("16 lanes", matmul_in_lanes<16>);
  return table;
}

const kernels::KernelTable& matmul_in_lanes_when_alone() {
  static const kernels::KernelTable table = with_matmul_f("lanes when alone", matmul_by_rows);
  return table;
}

const kernels::KernelTable& matmul_b_in_lanes_when_alone() {
  static const kernels::KernelTable table = changed_table(
      "N-DOT-B in lanes when alone", [](kernels::KernelTable& t) { t.matmul_b = matmul_b_by_rows; });
  return table;
}

const kernels::KernelTable& scale_over_the_batch() {
  static const kernels::KernelTable table =
      changed_table("scale over the batch", [](kernels::KernelTable& t) {
        t.quantize_rows[static_cast<int>(kernels::QuantForm::bytes)] = quantize_over_the_batch;
      });
  return table;
}

const kernels::KernelTable& minima_joined_by_rows() {
  static const kernels::KernelTable table =
      changed_table("minima joined by rows", [](kernels::KernelTable& t) {
        t.matmul_q[static_cast<std::size_t>(TensorType::q4_1)] = matmul_with_minima_by_rows;
      });
  return table;
}

}  // namespace isobatch::invariance
