// Reading single weights out of a panel: the spec of the layout in packed_matrix.h.
#pragma once

#include "base/float16.h"
#include "kernels/packed_matrix.h"

namespace isobatch::kernels::ref {

inline const std::byte* panel(const PackedMatrix& w, int output) {
  return w.data + static_cast<std::size_t>(output / kPanel) * panel_bytes(w.type, w.depth);
}

inline std::uint16_t u16_at(const std::byte* p, std::size_t index) {
  return reinterpret_cast<const std::uint16_t*>(p)[index];
}

// A float weight (f32, f16, bf16), widened exactly.
inline float float_weight(const PackedMatrix& w, int output, int k) {
  const std::byte* p = panel(w, output);
  const std::size_t lane = output % kPanel;
  switch (w.type) {
    case TensorType::f32:
      return reinterpret_cast<const float*>(p)[k * kPanel + lane];
    case TensorType::f16:
      return f16_to_f32(u16_at(p, k * kPanel + lane));
    default:
      return bf16_to_f32(u16_at(p, (k / 2) * kPanel * 2 + lane * 2 + k % 2));
  }
}

// The integer of a quantized weight: w = scale · integer (+ minimum). q4_0's offset of 8 is taken off.
inline int integer_weight(const PackedMatrix& w, int output, int k) {
  const auto* p = reinterpret_cast<const std::uint8_t*>(panel(w, output));
  const std::size_t lane = output % kPanel;
  const int b = k / kBlock, in_block = k % kBlock;
  if (w.type == TensorType::q8_0) {
    return static_cast<std::int8_t>(p[(b * 8 + in_block / 4) * 64 + lane * 4 + in_block % 4]);
  }
  const int half = in_block % 16;
  const int byte = p[(b * 4 + half / 4) * 64 + lane * 4 + half % 4];
  const int nibble = in_block < 16 ? byte & 15 : byte >> 4;
  return w.type == TensorType::q4_0 ? nibble - 8 : nibble;
}

inline float block_scale(const PackedMatrix& w, int output, int b) {
  return f16_to_f32(u16_at(panel(w, output) + quants_bytes(w.type, w.depth), b * kPanel + output % kPanel));
}

inline float block_minimum(const PackedMatrix& w, int output, int b) {  // q4_1
  return f16_to_f32(
      u16_at(panel(w, output) + quants_bytes(w.type, w.depth), (w.blocks() + b) * kPanel + output % kPanel));
}

}  // namespace isobatch::kernels::ref
