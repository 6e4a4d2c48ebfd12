// Float weights into the blocks that GGUF files hold, by ggml's reference formulas (quantize_row_q8_0_ref and
// quantize_row_q4_0_ref in ggml-quants.c).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::model {

// In blocks of 32 values x:
//   Q8_0  d = max |x| / 127; q = x · (1 / d), rounded half away from zero; f16(d) is stored
//   Q4_0  d = m / −8, m the x of greatest magnitude, the first on ties; q = ⌊x · (1 / d) + 8.5⌋, at most 15
// d and 1 / d are f32, the product of Q4_0 is exact. `row` is a multiple of 32. Throws Error(unsupported)
// naming `tensor` when a weight is not finite or a block's d is beyond f16.
std::vector<std::byte> quantize_row(TensorType type, std::span<const float> row, const std::string& tensor);

}  // namespace isobatch::model
