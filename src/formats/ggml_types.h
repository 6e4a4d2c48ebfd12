// Tensor type ids of GGUF files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/tensor_type.h"

namespace isobatch::formats {

// nullopt when this build cannot read the type.
std::optional<TensorType> tensor_type_of_gguf(std::uint32_t id);

// "Q4_K (type id 12)", or "type id 99" when ggml has no such type; for messages.
std::string describe_gguf_type(std::uint32_t id);

// "F32, F16, BF16 …": what tensor_type_of_gguf knows.
std::string supported_tensor_types();

}  // namespace isobatch::formats
