// ref is the judge of the kernels; here ref is judged, by the same formulas in double precision (2⁻²⁹ of an
// f32's rounding error), with the error bound that the order of each sum allows. u = 2⁻²⁴; a sum of n rounded
// steps is within n·u of the sum of its terms' magnitudes (Higham, "Accuracy and Stability of Numerical
// Algorithms", §3.1).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/op_cases.h"
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "tests/support/random_blocks.h"

namespace isobatch::kernels {
namespace {

constexpr double kU = 0x1p-24;
constexpr InputKind kFiniteKinds[] = {InputKind::uniform, InputKind::ill_conditioned, InputKind::zeros};

// A sum and the sum of its terms' magnitudes.
struct Exact {
  double value = 0;
  double magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::fabs(term);
  }
};

void expect_within(double got, const Exact& exact, double steps, const char* what) {
  EXPECT_LE(std::fabs(got - exact.value), steps * kU * exact.magnitude + 1e-44) << what << " " << exact.value;
}

std::vector<std::byte> pack(TensorType type, int outputs, int depth, const std::vector<std::byte>& file,
                            PackedMatrix& matrix) {
  matrix = {.type = type, .outputs = outputs, .depth = depth};
  std::vector<std::byte> data(packed_bytes(matrix));
  pack_rows(file.data(), type, outputs, 0, matrix, data.data());
  matrix.data = data.data();
  return data;
}

MatmulTask task_of(const PackedMatrix& w, int rows, float* out) {
  return {.weights = w, .panel_end = w.panels(), .rows = rows, .out = out, .out_stride = w.outputs};
}

TEST(RefAccuracy, FloatMatrixProducts) {
  const int rows = 3, outputs = 17, depth = 700;
  for (const InputKind kind : kFiniteKinds) {
    InputSource source(kind, 3);
    const std::vector<float> w = source.floats(outputs * depth), x = source.floats(rows * depth);
    std::vector<std::byte> file(w.size() * 4);
    std::memcpy(file.data(), w.data(), file.size());
    PackedMatrix matrix;
    const auto data = pack(TensorType::f32, outputs, depth, file, matrix);
    std::vector<float> out(rows * outputs);
    ref::matmul_f32(task_of(matrix, rows, out.data()), x.data(), depth);
    for (int r = 0; r < rows; ++r) {
      for (int n = 0; n < outputs; ++n) {
        Exact exact;
        for (int k = 0; k < depth; ++k) exact.add(double{w[n * depth + k]} * x[r * depth + k]);
        // A chunk's chain, then the sum of the chunks.
        expect_within(out[r * outputs + n], exact, kDotFChunk + depth / kDotFChunk + 1, "N-DOT-F");
      }
    }
  }
}

TEST(RefAccuracy, Bf16MatrixProducts) {
  const int rows = 2, outputs = 9, depth = 97;
  InputSource source(InputKind::uniform, 4);
  std::vector<float> x = source.floats(rows * depth);
  ref::round_operands(x.data(), x.size(), x.data());
  std::vector<std::byte> file(outputs * depth * 2);
  for (int i = 0; i < outputs * depth; ++i) {
    const std::uint16_t bits = f32_to_bf16(ref::round_operand_bf16(source.next()));
    std::memcpy(file.data() + 2 * i, &bits, 2);
  }
  PackedMatrix matrix;
  const auto data = pack(TensorType::bf16, outputs, depth, file, matrix);
  std::vector<float> out(rows * outputs);
  ref::matmul_b(task_of(matrix, rows, out.data()), x.data(), depth);
  for (int r = 0; r < rows; ++r) {
    for (int n = 0; n < outputs; ++n) {
      Exact exact;
      for (int k = 0; k < depth; ++k) exact.add(double{ref::float_weight(matrix, n, k)} * x[r * depth + k]);
      // Half a block's chain, even + odd, then the sum of the blocks.
      expect_within(out[r * outputs + n], exact, kBlock / 2 + 1 + depth / kBlock + 1, "N-DOT-B");
    }
  }
}

// The whole of N-QUANT and N-DOT-Q against the dequantized weights: rounding the activations moves each by at
// most half a step, amax / 4064 of its group of 128, with 8 bits amax / 254 of its block.
void expect_accurate_products(QuantForm form) {
  const int rows = 3, outputs = 18, depth = 512;
  for (const TensorTypeInfo& block : kTensorTypeInfo) {
    const TensorType type = block.type;
    if (!is_quantized(type)) continue;
    InputSource source(InputKind::uniform, 5);
    const std::vector<float> x = source.floats(rows * depth);
    test::Random random(6);
    const std::vector<std::byte> file =
        test::random_blocks(type, outputs * depth / block.block_size, 1.0, random);
    std::vector<float> w(outputs * depth), out(rows * outputs);
    unpack_values(file.data(), type, outputs * depth, w.data());
    PackedMatrix matrix;
    const auto data = pack(type, outputs, depth, file, matrix);

    QuantizedRows q{.rows = rows, .depth = depth, .form = form};
    std::vector<std::int8_t> values(rows * q.blocks() * block_bytes(form));
    std::vector<std::int32_t> sums(rows * q.blocks()), half_sums(2 * rows * q.blocks());
    std::vector<float> scales(rows * q.scale_rows()), scaled_sums(rows * q.blocks());
    q.values = values.data(), q.sums = sums.data(), q.scales = scales.data(),
    q.scaled_sums = scaled_sums.data(), q.half_sums = half_sums.data();
    ref_table().quantize_rows[static_cast<std::size_t>(form)](x.data(), depth, whole(q), q);
    const bool int8 = form == QuantForm::int8;
    const int group = values_per_scale(form);
    const auto matmul = (int8 ? ref_table().matmul_q8 : ref_table().matmul_q)[static_cast<std::size_t>(type)];
    matmul(task_of(matrix, rows, out.data()), q);

    for (int r = 0; r < rows; ++r) {
      for (int n = 0; n < outputs; ++n) {
        Exact exact;
        double half_steps = 0;
        for (int k = 0; k < depth; ++k) {
          exact.add(double{w[n * depth + k]} * x[r * depth + k]);
          half_steps += std::fabs(w[n * depth + k]) * scales[k / group * rows + r] * 0.5001;
        }
        // Types with minima take d·q and m apart, whose magnitudes may be far above that of their sum.
        const double rounding = 64 * 31 * kU * exact.magnitude;
        EXPECT_LE(std::fabs(out[r * outputs + n] - exact.value), half_steps + rounding) << block.name;
      }
    }
  }
}

TEST(RefAccuracy, QuantizedMatrixProducts) { expect_accurate_products(QuantForm::bytes); }
TEST(RefAccuracy, QuantizedMatrixProductsWith8Bits) { expect_accurate_products(QuantForm::int8); }

TEST(RefAccuracy, Norms) {
  const int n = 577;
  for (const InputKind kind : kFiniteKinds) {
    InputSource source(kind, 6);
    const std::vector<float> x = source.floats(n), weight = source.floats(n), bias = source.floats(n);
    std::vector<float> rms(n), layer(n);
    ref::rms_norm(x.data(), weight.data(), 0.0f, 1e-5f, 1, n, rms.data());
    ref::layer_norm(x.data(), weight.data(), bias.data(), 1e-5f, 1, n, layer.data());
    Exact sum, squares, centred;
    for (const float v : x) sum.add(v), squares.add(double{v} * v);
    const double mean = sum.value / n, inverse = 1 / std::sqrt(squares.value / n + 1e-5f);
    for (const float v : x) centred.add((v - mean) * (v - mean));
    const double layer_inverse = 1 / std::sqrt(centred.value / n + 1e-5f);
    for (int k = 0; k < n; ++k) {
      // n/16 + 4 steps in the sum, halved by the root; division, root and two products.
      const double scaled = x[k] * inverse * weight[k];
      EXPECT_LE(std::fabs(rms[k] - scaled), (n / 32.0 + 8) * kU * std::fabs(scaled) + 1e-44);
      const double terms = (std::fabs(x[k]) + sum.magnitude / n) * layer_inverse * std::fabs(weight[k]);
      const double expected = (x[k] - mean) * layer_inverse * weight[k] + bias[k];
      EXPECT_LE(std::fabs(layer[k] - expected), (n / 8.0 + 16) * kU * (terms + std::fabs(bias[k])) + 1e-44);
    }
  }
}

// Attention of one query over f32 keys: the softmax in double. Scores up to a few units: exp turns an error
// of a score into the same relative error of a weight.
TEST(RefAccuracy, Attention) {
  const int dim = 40, keys = 77;
  InputSource source(InputKind::uniform, 7);
  const KvLayout layout{.dtype = KvDType::f32, .layers = 1, .kv_heads = 1, .head_dim = dim};
  std::vector<std::vector<std::byte>> storage(3, std::vector<std::byte>(layout.block_bytes()));
  const std::vector<float> q = source.floats(dim), k = source.floats(keys * dim),
                           v = source.floats(keys * dim);
  for (int t = 0; t < keys; ++t) {
    ref::store_kv_f32(&k[t * dim], &v[t * dim], dim, t % kKeyBlock, storage[t / kKeyBlock].data(),
                      layout.half_block_bytes());
  }
  const std::byte* blocks[] = {storage[0].data(), storage[1].data(), storage[2].data()};
  std::vector<float> out(dim), scratch(attention_scratch_floats(1, 1, dim, keys));
  ref::attention_f32({.q = q.data(),
                      .out = out.data(),
                      .query_stride = dim,
                      .queries = 1,
                      .group = 1,
                      .head_dim = dim,
                      .first_position = keys - 1,
                      .blocks = blocks,
                      .v_offset = layout.half_block_bytes(),
                      .scale = 0.125f,
                      .scratch = scratch.data()});
  std::vector<double> p(keys);
  double score_error = 0, denominator = 0;
  for (int t = 0; t < keys; ++t) {
    Exact score;
    for (int d = 0; d < dim; ++d) score.add(double{q[d]} * k[t * dim + d]);
    p[t] = std::exp(score.value * 0.125);
    denominator += p[t];
    score_error = std::max(score_error, (kKeyBlock + 4) * kU * score.magnitude * 0.125);
  }
  for (int d = 0; d < dim; ++d) {
    Exact value;
    for (int t = 0; t < keys; ++t) value.add(p[t] / denominator * v[t * dim + d]);
    // Weight and denominator each carry a score's error twice (score and maximum), exp's and their sum's.
    EXPECT_LE(std::fabs(out[d] - value.value),
              (4 * score_error + (2 * kKeyBlock + 32) * kU) * value.magnitude);
  }
}

TEST(RefAccuracy, ElementwiseFunctions) {
  InputSource source(InputKind::uniform, 8);
  const std::vector<float> x = source.floats(20000), one(x.size(), 1.0f);
  std::vector<float> silu(x.size()), tanh(x.size()), erf(x.size()), cap(x.size());
  ref::silu_mul(x.data(), one.data(), x.size(), silu.data());
  ref::gelu_tanh_mul(x.data(), one.data(), x.size(), tanh.data());
  ref::gelu_erf_mul(x.data(), one.data(), x.size(), erf.data());
  ref::soft_cap(x.data(), x.size(), 30.0f, cap.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    EXPECT_LE(std::fabs(silu[i] - v / (1 + std::exp(-v))), 5 * kU * std::fabs(v));
    const double inner = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
    EXPECT_LE(std::fabs(tanh[i] - 0.5 * v * (1 + std::tanh(inner))), 8 * kU * (1 + std::fabs(v)));
    EXPECT_LE(std::fabs(erf[i] - 0.5 * v * (1 + std::erf(v * std::sqrt(0.5)))), 8 * kU * (1 + std::fabs(v)));
    EXPECT_LE(std::fabs(cap[i] - 30 * std::tanh(v / 30)), 6 * kU * std::fabs(v));
  }
  Exact sum;
  for (const float v : x) sum.add(std::exp(double{v} - 2.0));
  expect_within(ref::sum_exp(x.data(), static_cast<int>(x.size()), 2.0f), sum, x.size() / 16 + 8,
                "sum of exp");
}

// Rotation keeps lengths: |out|² = |x|² (c² + s²), and equals the rotation in double.
TEST(RefAccuracy, Rope) {
  InputSource source(InputKind::uniform, 9);
  const int dim = 64;
  const std::vector<float> x = source.floats(dim);
  std::vector<float> cos(dim / 2), sin(dim / 2), out = x;
  for (int i = 0; i < dim / 2; ++i) cos[i] = std::cos(0.37f * i), sin[i] = std::sin(0.37f * i);
  const std::int32_t position = 0;
  ref::rope(out.data(), dim, cos.data(), sin.data(), &position, 1, 1, dim);
  for (int i = 0; i < dim / 2; ++i) {
    const double a = x[i], b = x[i + dim / 2], c = cos[i], s = sin[i];
    const double bound = 2 * kU * (std::fabs(a) + std::fabs(b));
    EXPECT_LE(std::fabs(out[i] - (a * c - b * s)), bound);
    EXPECT_LE(std::fabs(out[i + dim / 2] - (b * c + a * s)), bound);
  }
}

}  // namespace
}  // namespace isobatch::kernels
