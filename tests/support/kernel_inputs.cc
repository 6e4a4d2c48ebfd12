#include "tests/support/kernel_inputs.h"

#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "tests/support/random.h"
#include "tests/support/random_blocks.h"

namespace isobatch::test {
namespace {

// A row as a file holds it: values of ordinary size.
std::vector<std::byte> file_row(TensorType type, int depth, Random& random) {
  if (is_quantized(type)) return random_blocks(type, depth / info(type).block_size, 0.1, random);
  std::vector<std::byte> row(depth * info(type).block_bytes);
  for (int k = 0; k < depth; ++k) {
    const float value = static_cast<float>(random.uniform() * 0.1 + 0.01);
    const std::uint16_t half = type == TensorType::bf16 ? f32_to_bf16(value) : f32_to_f16(value);
    if (type == TensorType::f32) {
      std::memcpy(&row[4 * k], &value, 4);
    } else {
      std::memcpy(&row[2 * k], &half, 2);
    }
  }
  return row;
}

std::byte* aligned(std::vector<std::byte>& memory) {
  return memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
}

}  // namespace

AlignedVector<float> random_floats(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  AlignedVector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.uniform() * 2 - 1);
  return values;
}

MatrixSet::MatrixSet(TensorType type, int outputs, int depth, int count) {
  kernels::PackedMatrix matrix{.type = type, .outputs = outputs, .depth = depth};
  const std::size_t bytes = packed_bytes(matrix);
  memory_.resize(bytes * count + 64);
  std::byte* data = aligned(memory_);
  Random random(1);
  for (int n = 0; n < outputs; ++n) {
    const std::vector<std::byte> row = file_row(type, depth, random);
    kernels::pack_rows(row.data(), type, 1, n, matrix, data);
  }
  for (int i = 0; i < count; ++i) {
    if (i > 0) std::memcpy(data + i * bytes, data, bytes);
    matrix.data = data + i * bytes;
    matrices_.push_back(matrix);
  }
}

MatmulRows::MatmulRows(const kernels::KernelTable& table, int rows, int depth, int outputs, bool int8)
    : table_(table), outputs_(outputs) {
  quantized_.rows = rows;
  quantized_.depth = depth;
  quantized_.form = int8 ? kernels::QuantForm::int8 : table.quant_form(rows);
  const std::size_t row_blocks = static_cast<std::size_t>(rows) * quantized_.blocks();
  x_ = random_floats(static_cast<std::size_t>(rows) * depth, 2);
  out_.resize(static_cast<std::size_t>(rows) * outputs);
  values_.resize(row_blocks * kernels::kBlockBytes);
  sums_.resize(row_blocks);
  scaled_sums_.resize(row_blocks);
  scales_.resize(static_cast<std::size_t>(rows) * quantized_.scale_rows());
  half_sums_.resize(2 * row_blocks);
  pair_products_.resize(2 * row_blocks);
  quantized_.pair_products = pair_products_.data();
  quantized_.values = values_.data();
  quantized_.sums = sums_.data();
  quantized_.scales = scales_.data();
  quantized_.scaled_sums = scaled_sums_.data();
  quantize();
}

void MatmulRows::quantize() {
  const auto form = static_cast<std::size_t>(quantized_.form);
  table_.quantize_rows[form](x_.data(), quantized_.depth, kernels::whole(quantized_), quantized_);
}

void MatmulRows::multiply(const kernels::PackedMatrix& weights) {
  if (kernels::quant_layout(weights.type).scaled < kernels::kBlock && !quantized_.half_sums) {
    quantized_.half_sums = half_sums_.data();
    quantize();
  }
  const kernels::MatmulTask task{.weights = weights,
                                 .panel_begin = 0,
                                 .panel_end = weights.panels(),
                                 .rows = quantized_.rows,
                                 .out = out_.data(),
                                 .out_stride = outputs_};
  const std::size_t type = static_cast<std::size_t>(weights.type);
  if (is_quantized(weights.type)) {
    const bool int8 = quantized_.form == kernels::QuantForm::int8;
    (int8 ? table_.matmul_q8 : table_.matmul_q)[type](task, quantized_);
  } else {
    table_.matmul_f[type](task, x_.data(), weights.depth);
  }
}

AttentionInput::AttentionInput(const kernels::KernelTable& table, KvDType dtype, int queries, int keys,
                               int group, int head_dim)
    : attention_(table.attention[static_cast<std::size_t>(dtype)]) {
  const kernels::KvLayout layout{.dtype = dtype, .layers = 1, .kv_heads = 1, .head_dim = head_dim};
  const int blocks = (keys + kernels::kKeyBlock - 1) / kernels::kKeyBlock;
  memory_.resize(layout.block_bytes() * blocks + 64);
  std::byte* data = aligned(memory_);
  for (int b = 0; b < blocks; ++b) blocks_.push_back(data + b * layout.block_bytes());
  for (int t = 0; t < keys; ++t) {
    const AlignedVector<float> k = random_floats(head_dim, 3 + t), v = random_floats(head_dim, 5 + t);
    table.store_kv[static_cast<std::size_t>(dtype)](k.data(), v.data(), head_dim, t % kernels::kKeyBlock,
                                                    data + t / kernels::kKeyBlock * layout.block_bytes(),
                                                    layout.half_block_bytes());
  }
  q_ = random_floats(static_cast<std::size_t>(queries) * group * head_dim, 4);
  out_.resize(q_.size());
  scratch_.resize(kernels::attention_scratch_floats(queries, group, head_dim, keys));
  task_ = {.q = q_.data(),
           .out = out_.data(),
           .query_stride = group * head_dim,
           .queries = queries,
           .group = group,
           .head_dim = head_dim,
           .first_position = keys - queries,
           .blocks = blocks_.data(),
           .v_offset = layout.half_block_bytes(),
           .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
           .scratch = scratch_.data()};
}

}  // namespace isobatch::test
