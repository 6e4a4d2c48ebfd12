// Storage types of tensors, named once: the file formats read them, the kernels multiply them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace isobatch {

enum class TensorType : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1 };
inline constexpr std::size_t kTensorTypes = 6;

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
}};

constexpr const TensorTypeInfo& info(TensorType type) {
  return kTensorTypeInfo[static_cast<std::size_t>(type)];
}
constexpr bool is_quantized(TensorType type) { return info(type).block_size > 1; }

}  // namespace isobatch
