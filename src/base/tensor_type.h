// Storage types of tensors, named once: the file formats read them, the kernels multiply them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace isobatch {

// Floats, then quantized types from q8_0 on.
enum class TensorType : std::uint8_t {
  f32,
  f16,
  bf16,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs
};
inline constexpr std::size_t kTensorTypes = 15;

// A block of `block_size` values along the contiguous dimension takes `block_bytes` bytes in a file.
// Block formats: docs/numerics.md, "Quantized types".
struct TensorTypeInfo {
  TensorType type;
  std::string_view name;
  std::uint32_t gguf_id;
  std::size_t block_size;
  std::size_t block_bytes;
};

inline constexpr std::array<TensorTypeInfo, kTensorTypes> kTensorTypeInfo{{
    {TensorType::f32, "F32", 0, 1, 4},
    {TensorType::f16, "F16", 1, 1, 2},
    {TensorType::bf16, "BF16", 30, 1, 2},
    {TensorType::q8_0, "Q8_0", 8, 32, 34},
    {TensorType::q4_0, "Q4_0", 2, 32, 18},
    {TensorType::q4_1, "Q4_1", 3, 32, 20},
    {TensorType::q5_0, "Q5_0", 6, 32, 22},
    {TensorType::q5_1, "Q5_1", 7, 32, 24},
    {TensorType::q2_k, "Q2_K", 10, 256, 84},
    {TensorType::q3_k, "Q3_K", 11, 256, 110},
    {TensorType::q4_k, "Q4_K", 12, 256, 144},
    {TensorType::q5_k, "Q5_K", 13, 256, 176},
    {TensorType::q6_k, "Q6_K", 14, 256, 210},
    {TensorType::iq4_nl, "IQ4_NL", 20, 32, 18},
    {TensorType::iq4_xs, "IQ4_XS", 23, 256, 136},
}};

constexpr const TensorTypeInfo& info(TensorType type) {
  return kTensorTypeInfo[static_cast<std::size_t>(type)];
}
constexpr bool is_quantized(TensorType type) { return info(type).block_size > 1; }

}  // namespace isobatch
