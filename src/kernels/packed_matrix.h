// Weight matrices in the one layout that every kernel reads: panels of 16 outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/tensor_type.h"
#include "kernels/quant_layout.h"

namespace isobatch::kernels {

inline constexpr int kGroup = 128;      // N-QUANT: activations of 12 bits that share a scale
inline constexpr int kDotFChunk = 256;  // N-DOT-F: terms in a chunk

// A matrix of `outputs` rows of `depth` weights. Panel p holds outputs 16p … 16p+15 (missing ones are zero);
// n is the output in the panel, b = k / 32. Sizes in bytes; every panel starts at a multiple of 64.
//   f32   [depth][16] f32
//   f16   [depth][16] f16
//   bf16  [ceil(depth/2)][16][2] bf16: pairs (2j, 2j+1), as AMX and N-DOT-B take them
//   quantized types: [b] planes of the block's stored integers, then the scales (quant_layout.h)
// A plane holds some bits of each integer, rows of 64 bytes = [16] outputs × [4] bytes; byte j has the fields
// of
//   8 bits   8 rows: row g               k = 32b + 4g + j
//   4 bits   4 rows: row g, field f      k = 32b + 16f + 4g + j
//   2 bits   2 rows: row r, field f      k = 32b + 16r + 4f + j
//   1 bit    1 row:         field f      k = 32b + 4f + j
// field 0 being the lowest bits. The order is that of VNNI operands and of AMX B tiles.
struct PackedMatrix {
  TensorType type = TensorType::f32;
  int outputs = 0;
  int depth = 0;  // K, a multiple of the type's block size
  const std::byte* data = nullptr;

  int panels() const { return (outputs + kPanel - 1) / kPanel; }
  int blocks() const { return depth / kBlock; }  // of 32, also where a scale covers 16
};

// Bytes of one panel of a matrix of this type and depth, and of its quants or floats alone.
constexpr std::size_t quants_bytes(TensorType type, std::size_t depth) {
  switch (type) {
    case TensorType::f32:
      return depth * kPanel * 4;
    case TensorType::f16:
      return depth * kPanel * 2;
    case TensorType::bf16:
      return (depth + 1) / 2 * kPanel * 4;
    default:
      return depth * kPanel * quant_layout(type).bits / 8;
  }
}
constexpr std::size_t panel_bytes(TensorType type, std::size_t depth) {
  const std::size_t scales = is_quantized(type) ? scale_offsets(type, depth).end : 0;
  return (quants_bytes(type, depth) + scales + 63) / 64 * 64;
}
inline std::size_t packed_bytes(const PackedMatrix& m) { return panel_bytes(m.type, m.depth) * m.panels(); }

// Copies `rows` rows of a file's row-major tensor into panels, from output `first_output` on. `source` holds
// `rows` × depth values of `type` as the file stores them; `first_output` is a multiple of 16 or the rest of
// its panel has been packed before. `type` is `target.type`, or `target.type` is f32 and values are
// converted.
void pack_rows(const std::byte* source, TensorType type, int rows, int first_output,
               const PackedMatrix& target, std::byte* target_data);

// The same into a bf16 matrix for matmul_b: values are rounded as operands of N-DOT-B are. Any `type`.
void pack_operand_rows(const std::byte* source, TensorType type, int rows, int first_output,
                       const PackedMatrix& target, std::byte* target_data);

// `n` values of a file's tensor as f32; n is a multiple of the type's block size.
void unpack_values(const std::byte* source, TensorType type, int n, float* out);

}  // namespace isobatch::kernels
