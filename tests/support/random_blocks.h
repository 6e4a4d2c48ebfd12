// Made-up blocks of quantized types, for which no quantizer is needed.
#pragma once

#include <cstddef>
#include <vector>

#include "base/tensor_type.h"
#include "tests/support/random.h"

namespace isobatch::test {

// `count` blocks of random bytes whose values have about this deviation and a mean near 0.
std::vector<std::byte> random_blocks(TensorType type, std::size_t count, double deviation, Random& random);

}  // namespace isobatch::test
