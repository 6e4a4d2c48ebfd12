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

// Some bits of a weight out of a plane (packed_matrix.h); k counts in the block, `p` is at the output's lane.
inline int plane_field(const std::uint8_t* p, int plane, int k) {
  const int quad = k / 4, fields = 8 / plane;
  const int row = plane == 4 ? quad % 4 : quad / fields, field = plane == 4 ? quad / 4 : quad % fields;
  return p[row * 64 + k % 4] >> plane * field & ((1 << plane) - 1);
}

// The integer of a quantized weight: w = scale · integer (+ minimum).
inline int integer_weight(const PackedMatrix& w, int output, int k) {
  const QuantLayout layout = quant_layout(w.type);
  const auto* p = reinterpret_cast<const std::uint8_t*>(panel(w, output)) + output % kPanel * 4 +
                  static_cast<std::size_t>(k / kBlock) * 64 * layout.bits;
  int stored = 0, done = 0;
  for (const int plane : {8, 4, 2, 1}) {
    if (layout.bits - done < plane) continue;
    stored |= plane_field(p, plane, k % kBlock) << done;
    p += plane * 64;
    done += plane;
  }
  return stored_integer(layout, static_cast<std::uint8_t>(stored));
}

inline const std::byte* panel_scales(const PackedMatrix& w, int output) {
  return panel(w, output) + quants_bytes(w.type, w.depth);
}

// The f16 at a place of a panel's scales: in row `row` of those that begin at `offset`.
inline float f16_of_scales(const PackedMatrix& w, int output, std::size_t offset, int row) {
  return f16_to_f32(u16_at(panel_scales(w, output) + offset, row * kPanel + output % kPanel));
}

// The scale of the weights [i · scaled, (i + 1) · scaled) of an output; a product of factors is exact.
inline float block_scale(const PackedMatrix& w, int output, int i) {
  const QuantLayout layout = quant_layout(w.type);
  const ScaleOffsets at = scale_offsets(w.type, w.depth);
  if (!layout.factors) return f16_of_scales(w, output, at.scales, i);
  const std::byte scale = panel_scales(w, output)[at.scales + i * kPanel + output % kPanel];
  return f16_of_scales(w, output, at.scale_factors, i * layout.scaled / kSuperBlock) *
         static_cast<float>(static_cast<std::int8_t>(scale));
}

// Their minimum, in types that have one.
inline float block_minimum(const PackedMatrix& w, int output, int i) {
  const QuantLayout layout = quant_layout(w.type);
  const ScaleOffsets at = scale_offsets(w.type, w.depth);
  if (!layout.factors) return f16_of_scales(w, output, at.minima, i);
  const std::byte minimum = panel_scales(w, output)[at.minima + i * kPanel + output % kPanel];
  return -(f16_of_scales(w, output, at.minimum_factors, i * layout.scaled / kSuperBlock) *
           static_cast<float>(static_cast<std::uint8_t>(minimum)));
}

}  // namespace isobatch::kernels::ref
