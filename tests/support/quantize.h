// Floats to and from the storage types, plainly: test data, and a second opinion on the kernels.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::test {

// As a file stores them: floats, Q8_0, Q4_0 and Q4_1. values.size() is a multiple of the type's block size;
// the values are finite.
std::vector<std::byte> quantize(TensorType type, std::span<const float> values);

// The floats that the stored values stand for; for quantized types, d · q (+ m) computed in f32.
std::vector<float> dequantize(TensorType type, std::span<const std::byte> data);

}  // namespace isobatch::test
