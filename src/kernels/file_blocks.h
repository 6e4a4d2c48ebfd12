// Blocks of quantized types as files store them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/quant_layout.h"

namespace isobatch::kernels {

// A block taken apart; info(type).block_size values. Scales of types without factors are in `factor`.
struct FileBlock {
  std::uint8_t stored[kSuperBlock] =
      {};                            // as QuantLayout says: with the offset, two's complement, or an index
  std::uint16_t factor = 0;          // f16
  std::uint16_t minimum_factor = 0;  // f16
  std::int8_t scales[kSuperBlock / 16] = {};
  std::uint8_t minima[kSuperBlock / 16] = {};
};

// Where the f16 fields of a type's block in a file lie, −1 for none: the factor, then that of the minima. All
// other bytes may hold anything.
constexpr std::array<int, 2> f16_fields(TensorType type) {
  switch (type) {
    case TensorType::q2_k:
      return {80, 82};
    case TensorType::q3_k:
      return {108, -1};
    case TensorType::q6_k:
      return {208, -1};
    default:
      return {0, quant_layout(type).minima ? 2 : -1};
  }
}

// Source: ggml's block structures (ggml-common.h) and the dequantizers of the gguf Python package.
void read_file_block(TensorType type, const std::byte* source, FileBlock& block);

// The values that a block stands for; exact but for the sum with a minimum, which is rounded once.
void block_values(TensorType type, const FileBlock& block, float* out);

}  // namespace isobatch::kernels
