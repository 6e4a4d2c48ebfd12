#include <algorithm>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/packed_matrix.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels {
namespace {

// File blocks (docs/numerics.md, "Quantized types"). q4: byte j holds value j low, value j + 16 high.
struct FileBlockQ8_0 {
  std::uint16_t scale;
  std::int8_t quants[32];
};
struct FileBlockQ4_0 {
  std::uint16_t scale;
  std::uint8_t quants[16];
};
struct FileBlockQ4_1 {
  std::uint16_t scale;
  std::uint16_t minimum;
  std::uint8_t quants[16];
};
static_assert(sizeof(FileBlockQ8_0) == 34 && sizeof(FileBlockQ4_0) == 18 && sizeof(FileBlockQ4_1) == 20);

template <typename Block>
Block read_block(const std::byte* source, std::size_t index) {
  Block block;
  std::memcpy(&block, source + index * sizeof(Block), sizeof block);
  return block;
}

std::uint16_t read_u16(const std::byte* source, std::size_t index) {
  std::uint16_t value;
  std::memcpy(&value, source + index * 2, 2);
  return value;
}

// Quants of one row into its lane: groups of four consecutive k are 64 bytes apart.
void scatter_quants(const void* quants, int count, int lane, std::byte* block) {
  for (int g = 0; g < count / 4; ++g) {
    std::memcpy(block + g * 64 + lane * 4, static_cast<const std::byte*>(quants) + g * 4, 4);
  }
}

void pack_row(const std::byte* row, TensorType type, int lane, int depth, std::byte* panel) {
  const std::size_t blocks = depth / kBlock;
  auto* scales = reinterpret_cast<std::uint16_t*>(panel + quants_bytes(type, depth)) + lane;
  switch (type) {
    case TensorType::f32:
      for (int k = 0; k < depth; ++k) std::memcpy(panel + (k * kPanel + lane) * 4, row + 4 * k, 4);
      break;
    case TensorType::f16:
      for (int k = 0; k < depth; ++k) std::memcpy(panel + (k * kPanel + lane) * 2, row + 2 * k, 2);
      break;
    case TensorType::bf16:
      for (int k = 0; k < depth; ++k) {
        std::memcpy(panel + (k / 2 * kPanel + lane) * 4 + k % 2 * 2, row + 2 * k, 2);
      }
      break;
    case TensorType::q8_0:
      for (std::size_t b = 0; b < blocks; ++b) {
        const auto block = read_block<FileBlockQ8_0>(row, b);
        scatter_quants(block.quants, 32, lane, panel + b * 512);
        scales[b * kPanel] = block.scale;
      }
      break;
    case TensorType::q4_0:
      for (std::size_t b = 0; b < blocks; ++b) {
        const auto block = read_block<FileBlockQ4_0>(row, b);
        scatter_quants(block.quants, 16, lane, panel + b * 256);
        scales[b * kPanel] = block.scale;
      }
      break;
    case TensorType::q4_1:
      for (std::size_t b = 0; b < blocks; ++b) {
        const auto block = read_block<FileBlockQ4_1>(row, b);
        scatter_quants(block.quants, 16, lane, panel + b * 256);
        scales[b * kPanel] = block.scale;
        scales[(blocks + b) * kPanel] = block.minimum;
      }
      break;
  }
}

}  // namespace

void unpack_values(const std::byte* source, TensorType type, int n, float* out) {
  for (int k = 0; k < n; ++k) {
    switch (type) {
      case TensorType::f32:
        std::memcpy(out + k, source + 4 * k, 4);
        break;
      case TensorType::f16:
        out[k] = f16_to_f32(read_u16(source, k));
        break;
      case TensorType::bf16:
        out[k] = bf16_to_f32(read_u16(source, k));
        break;
      case TensorType::q8_0: {
        const auto block = read_block<FileBlockQ8_0>(source, k / kBlock);
        out[k] = f16_to_f32(block.scale) * static_cast<float>(block.quants[k % kBlock]);
        break;
      }
      case TensorType::q4_0: {
        const auto block = read_block<FileBlockQ4_0>(source, k / kBlock);
        const int byte = block.quants[k % 16];
        const int nibble = k % kBlock < 16 ? byte & 15 : byte >> 4;
        out[k] = f16_to_f32(block.scale) * static_cast<float>(nibble - 8);
        break;
      }
      case TensorType::q4_1: {
        const auto block = read_block<FileBlockQ4_1>(source, k / kBlock);
        const int byte = block.quants[k % 16];
        const int nibble = k % kBlock < 16 ? byte & 15 : byte >> 4;
        out[k] = f16_to_f32(block.scale) * static_cast<float>(nibble) + f16_to_f32(block.minimum);
        break;
      }
    }
  }
}

namespace {

// body(row's values in the file, its panel, its lane)
template <typename Body>
void for_rows(const std::byte* source, TensorType type, int rows, int first_output,
              const PackedMatrix& target, std::byte* target_data, Body&& body) {
  const std::size_t row_bytes = target.depth / info(type).block_size * info(type).block_bytes;
  const std::size_t stride = panel_bytes(target.type, target.depth);
  for (int r = 0; r < rows; ++r) {
    const int output = first_output + r;
    body(source + r * row_bytes, target_data + output / kPanel * stride, output % kPanel);
  }
}

}  // namespace

void pack_rows(const std::byte* source, TensorType type, int rows, int first_output,
               const PackedMatrix& target, std::byte* target_data) {
  std::vector<float> values(type == target.type ? 0 : target.depth);
  for_rows(source, type, rows, first_output, target, target_data,
           [&](const std::byte* row, std::byte* panel, int lane) {
             if (type != target.type) {  // only to f32
               unpack_values(row, type, target.depth, values.data());
               row = reinterpret_cast<const std::byte*>(values.data());
             }
             pack_row(row, target.type, lane, target.depth, panel);
           });
}

void pack_operand_rows(const std::byte* source, TensorType type, int rows, int first_output,
                       const PackedMatrix& target, std::byte* target_data) {
  std::vector<float> values(target.depth);
  std::vector<std::uint16_t> rounded(target.depth);
  for_rows(source, type, rows, first_output, target, target_data,
           [&](const std::byte* row, std::byte* panel, int lane) {
             unpack_values(row, type, target.depth, values.data());
             for (int k = 0; k < target.depth; ++k) {
               rounded[k] = f32_to_bf16(ref::round_operand_bf16(values[k]));
             }
             pack_row(reinterpret_cast<const std::byte*>(rounded.data()), TensorType::bf16, lane,
                      target.depth, panel);
           });
}

}  // namespace isobatch::kernels
