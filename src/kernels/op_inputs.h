// Made-up inputs of the operation cases, and their results as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/float16.h"
#include "kernels/file_blocks.h"
#include "kernels/kernels.h"
#include "kernels/op_cases.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels::op_inputs {

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, const std::vector<T>& values) {
  const auto* p = reinterpret_cast<const std::byte*>(values.data());
  bytes.insert(bytes.end(), p, p + values.size() * sizeof(T));
}

template <typename T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes;
  append(bytes, values);
  return bytes;
}

inline std::size_t area(int rows, int columns) { return static_cast<std::size_t>(rows) * columns; }

// One element in front, so that no kernel can count on alignment.
struct Misaligned {
  std::vector<float> storage;
  explicit Misaligned(std::vector<float> values) : storage(std::move(values)) {
    storage.insert(storage.begin(), 1, 0.0f);
  }
  float* data() { return storage.data() + 1; }
  Bytes bytes() const { return bytes_of(std::vector<float>(storage.begin() + 1, storage.end())); }
};

// N-QUANT's output, with its memory.
struct Quantized {
  std::vector<std::int8_t> values;
  std::vector<float> scales, scaled_sums;
  std::vector<std::int32_t> sums, half_sums, pair_products;
  QuantizedRows rows;
  Quantized(int count, int depth, bool with_half_sums, QuantForm form) {
    rows.rows = count;
    rows.depth = depth;
    rows.form = form;
    const std::size_t blocks = area(count, rows.blocks());
    values.resize(blocks * block_bytes(form));
    sums.resize(blocks);
    if (with_half_sums) half_sums.resize(2 * blocks);
    scaled_sums.resize(blocks);
    scales.resize(area(count, rows.scale_rows()));
    rows.values = values.data();
    rows.scales = scales.data();
    rows.sums = sums.data();
    if (with_half_sums) rows.half_sums = half_sums.data();
    if (form == QuantForm::paired_words) {
      pair_products.resize(2 * blocks);
      rows.pair_products = pair_products.data();
    }
    rows.scaled_sums = scaled_sums.data();
  }
};

// A packed matrix of made-up weights. Quantized types want a depth that is a multiple of their blocks.
struct Weights {
  Bytes data;
  PackedMatrix matrix;
  Weights(TensorType type, int outputs, int depth, InputSource& source, bool operands_of_dot_b = false) {
    matrix.type = type;
    matrix.outputs = outputs;
    const int block_size = static_cast<int>(info(type).block_size);
    matrix.depth = (depth + block_size - 1) / block_size * block_size;
    data.resize(packed_bytes(matrix));
    const TensorTypeInfo& block = info(type);
    Bytes row(matrix.depth / block.block_size * block.block_bytes);
    for (int n = 0; n < outputs; ++n) {
      for (std::size_t b = 0; b < row.size() / block.block_bytes; ++b) {
        fill_block(type, row.data() + b * block.block_bytes, source, operands_of_dot_b);
      }
      pack_rows(row.data(), type, 1, n, matrix, data.data());
    }
    matrix.data = data.data();
  }

 private:
  static void fill_block(TensorType type, std::byte* block, InputSource& source, bool operands_of_dot_b) {
    const float value = operands_of_dot_b ? ref::round_operand_bf16(source.next()) : source.next();
    const std::uint16_t half = type == TensorType::bf16 ? f32_to_bf16(value) : f32_to_f16(value);
    if (type == TensorType::f32) {
      std::memcpy(block, &value, 4);
      return;
    }
    const auto [first, second] = f16_fields(type);
    const std::uint16_t other = second < 0 ? 0 : f32_to_f16(source.next());
    for (int at = 0; at < static_cast<int>(info(type).block_bytes); ++at) {
      if (at == first || at == second) {
        std::memcpy(block + at, at == first ? &half : &other, 2);
        ++at;
      } else {
        block[at] = static_cast<std::byte>(source.bits());
      }
    }
  }
};

}  // namespace isobatch::kernels::op_inputs
