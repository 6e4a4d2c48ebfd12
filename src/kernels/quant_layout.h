// What a quantized type is made of: the kernels' one description of it. Definition: docs/numerics.md,
// "Quantized types".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/tensor_type.h"

namespace isobatch::kernels {

inline constexpr int kPanel = 16;        // outputs in a panel
inline constexpr int kBlock = 32;        // values in a block of a panel and in an N-DOT-B block
inline constexpr int kSuperBlock = 256;  // values that share the f16 factor of their scales

// weight = scale · integer (+ minimum). The integer is the stored one less `offset`, or what the codebook has
// for it; 8 bits are stored signed.
struct QuantLayout {
  int bits = 0;          // of a stored integer; in planes of 8, or of 4, 2 and 1 bits, low bits first
  int scaled = kBlock;   // values that share a scale: 32 or 16
  bool minima = false;   // a scale comes with a minimum
  bool factors = false;  // a scale is an s8 × the f16 of its super-block, a minimum −(u8 × another f16)
  int offset = 0;
  bool codebook = false;
};

constexpr QuantLayout quant_layout(TensorType type) {
  switch (type) {
    case TensorType::q8_0:
      return {.bits = 8};
    case TensorType::q4_0:
      return {.bits = 4, .offset = 8};
    case TensorType::q4_1:
      return {.bits = 4, .minima = true};
    case TensorType::q5_0:
      return {.bits = 5, .offset = 16};
    case TensorType::q5_1:
      return {.bits = 5, .minima = true};
    case TensorType::q2_k:
      return {.bits = 2, .scaled = 16, .minima = true, .factors = true};
    case TensorType::q3_k:
      return {.bits = 3, .scaled = 16, .factors = true, .offset = 4};
    case TensorType::q4_k:
      return {.bits = 4, .minima = true, .factors = true};
    case TensorType::q5_k:
      return {.bits = 5, .minima = true, .factors = true};
    case TensorType::q6_k:
      return {.bits = 6, .scaled = 16, .factors = true, .offset = 32};
    case TensorType::iq4_nl:
      return {.bits = 4, .codebook = true};
    case TensorType::iq4_xs:
      return {.bits = 4, .factors = true, .codebook = true};
    default:
      return {};  // floats
  }
}

// Integers of the IQ4 types by their index.
alignas(16) inline constexpr std::array<std::int8_t, 16> kIq4Codebook{
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

constexpr int stored_integer(const QuantLayout& layout, std::uint8_t stored) {
  if (layout.codebook) return kIq4Codebook[stored];
  return layout.bits == 8 ? static_cast<std::int8_t>(stored) : stored - layout.offset;
}

// Where a panel's scales lie, in bytes behind its quants; rows of [16] outputs.
//   without factors   scales [depth/32] f16, minima [depth/32] f16
//   with factors      scale factors [depth/256] f16, minimum factors [depth/256] f16,
//                     scales [depth/scaled] s8, minima [depth/scaled] u8
struct ScaleOffsets {
  std::size_t scale_factors = 0, minimum_factors = 0, scales = 0, minima = 0;
  std::size_t end = 0;
};
constexpr ScaleOffsets scale_offsets(TensorType type, std::size_t depth) {
  const QuantLayout layout = quant_layout(type);
  const std::size_t row = kPanel * (layout.factors ? 1 : 2);
  const std::size_t factors = layout.factors ? depth / kSuperBlock * kPanel * 2 : 0;
  ScaleOffsets at;
  at.minimum_factors = factors;
  at.scales = at.minimum_factors + (layout.minima ? factors : 0);
  at.minima = at.scales + depth / layout.scaled * row;
  at.end = at.minima + (layout.minima ? depth / layout.scaled * row : 0);
  return at;
}

}  // namespace isobatch::kernels
