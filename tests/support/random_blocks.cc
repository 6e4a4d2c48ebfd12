#include "tests/support/random_blocks.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "base/float16.h"
#include "kernels/file_blocks.h"

namespace isobatch::test {
namespace {

// Of random bytes with a scale factor of 1: the deviation of the values without their minimum, and the
// minimum's factor that brings the mean to 0.
struct Spread {
  double deviation;
  double minimum;
};

Spread spread(TensorType type) {
  switch (type) {
    case TensorType::q8_0:
      return {74, 0};
    case TensorType::q4_0:
      return {4.6, 0};
    case TensorType::q4_1:
      return {4.6, -7.5};
    case TensorType::q5_0:
      return {9.2, 0};
    case TensorType::q5_1:
      return {9.2, -15.5};
    case TensorType::q2_k:
      return {15, 1.5};
    case TensorType::q3_k:
      return {42, 0};
    case TensorType::q4_k:
      return {320, 7.5};
    case TensorType::q5_k:
      return {650, 15.5};
    case TensorType::q6_k:
      return {1370, 0};
    case TensorType::iq4_nl:
      return {69, 0};
    case TensorType::iq4_xs:
      return {1270, 0};
    default:
      throw std::invalid_argument("random_blocks: not a quantized type");
  }
}

}  // namespace

std::vector<std::byte> random_blocks(TensorType type, std::size_t count, double deviation, Random& random) {
  const std::size_t bytes = info(type).block_bytes;
  const auto [first, second] = kernels::f16_fields(type);
  const Spread unit = spread(type);
  std::vector<std::byte> blocks(count * bytes);
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(random.next());
  for (std::size_t b = 0; b < count; ++b) {
    const double scale = deviation / unit.deviation * (0.75 + 0.5 * random.uniform());
    const std::uint16_t halves[] = {f32_to_f16(static_cast<float>(scale)),
                                    f32_to_f16(static_cast<float>(scale * unit.minimum))};
    std::memcpy(&blocks[b * bytes + first], &halves[0], 2);
    if (second >= 0) std::memcpy(&blocks[b * bytes + second], &halves[1], 2);
  }
  return blocks;
}

}  // namespace isobatch::test
