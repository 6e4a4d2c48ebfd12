#include <algorithm>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/file_blocks.h"
#include "kernels/packed_matrix.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels {
namespace {

std::uint16_t read_u16(const std::byte* source, std::size_t index) {
  std::uint16_t value;
  std::memcpy(&value, source + index * 2, 2);
  return value;
}

std::uint32_t read_word(const std::uint8_t* p) {
  std::uint32_t word;
  std::memcpy(&word, p, 4);
  return word;
}

// The stored integers of 32 values into the planes of a block; `block` is at the row's lane. Words of four
// bytes at a time: k, k + 1, k + 2, k + 3.
void put_planes(int bits, const std::uint8_t* stored, std::byte* block) {
  int done = 0;  // bits
  for (const int plane : {8, 4, 2, 1}) {
    if (bits - done < plane) continue;
    const int fields = 8 / plane;
    const std::uint32_t mask = 0x01010101u * ((1u << plane) - 1);
    for (int row = 0; row < plane; ++row) {
      std::uint32_t word = 0;
      for (int field = 0; field < fields; ++field) {
        const int quad = plane == 4 ? 4 * field + row : fields * row + field;  // of k
        word |= (read_word(stored + 4 * quad) >> done & mask) << plane * field;
      }
      std::memcpy(block + row * 64, &word, 4);
    }
    block += plane * 64;
    done += plane;
  }
}

void pack_quantized_row(const std::byte* row, TensorType type, int lane, int depth, std::byte* panel) {
  const QuantLayout layout = quant_layout(type);
  const TensorTypeInfo& file = info(type);
  const ScaleOffsets at = scale_offsets(type, depth);
  std::byte* scales = panel + quants_bytes(type, depth);
  const auto f16s = [&](std::size_t offset) {
    return reinterpret_cast<std::uint16_t*>(scales + offset) + lane;
  };
  const int block_bytes = 64 * layout.bits, per_block = static_cast<int>(file.block_size) / layout.scaled;
  FileBlock block;
  for (std::size_t b = 0; b < depth / file.block_size; ++b) {
    read_file_block(type, row + b * file.block_bytes, block);
    for (std::size_t k = 0; k < file.block_size; k += kBlock) {
      const std::size_t panel_block = (b * file.block_size + k) / kBlock;
      put_planes(layout.bits, block.stored + k, panel + panel_block * block_bytes + lane * 4);
    }
    if (!layout.factors) {
      f16s(at.scales)[b * kPanel] = block.factor;
      if (layout.minima) f16s(at.minima)[b * kPanel] = block.minimum_factor;
      continue;
    }
    f16s(at.scale_factors)[b * kPanel] = block.factor;
    if (layout.minima) f16s(at.minimum_factors)[b * kPanel] = block.minimum_factor;
    for (int i = 0; i < per_block; ++i) {
      const std::size_t place = (b * per_block + i) * kPanel + lane;
      scales[at.scales + place] = static_cast<std::byte>(block.scales[i]);
      if (layout.minima) scales[at.minima + place] = static_cast<std::byte>(block.minima[i]);
    }
  }
}

void pack_row(const std::byte* row, TensorType type, int lane, int depth, std::byte* panel) {
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
    default:
      pack_quantized_row(row, type, lane, depth, panel);
  }
}

}  // namespace

void unpack_values(const std::byte* source, TensorType type, int n, float* out) {
  if (is_quantized(type)) {
    const TensorTypeInfo& file = info(type);
    FileBlock block;
    for (std::size_t b = 0; b < n / file.block_size; ++b) {
      read_file_block(type, source + b * file.block_bytes, block);
      block_values(type, block, out + b * file.block_size);
    }
    return;
  }
  for (int k = 0; k < n; ++k) {
    if (type == TensorType::f32) {
      std::memcpy(out + k, source + 4 * k, 4);
    } else {
      const std::uint16_t half = read_u16(source, k);
      out[k] = type == TensorType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
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
