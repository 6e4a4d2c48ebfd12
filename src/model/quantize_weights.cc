#include "model/quantize_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/float16.h"
#include "isobatch/error.h"

namespace isobatch::model {
namespace {

constexpr std::size_t kBlock = 32;

void put_q8_0(std::span<const float> x, float inverse, std::byte* quants) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    quants[i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
  }
}

// Byte i holds values i and i + 16.
void put_q4_0(std::span<const float> x, float inverse, std::byte* quants) {
  const auto nibble = [&](std::size_t i) {
    return static_cast<unsigned>(std::min(15, static_cast<int>(double{x[i]} * inverse + 8.5)));
  };
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    quants[i] = static_cast<std::byte>(nibble(i) | nibble(i + kBlock / 2) << 4);
  }
}

}  // namespace

std::vector<std::byte> quantize_row(TensorType type, std::span<const float> row, const std::string& tensor) {
  const std::size_t block_bytes = info(type).block_bytes;
  std::vector<std::byte> blocks(row.size() / kBlock * block_bytes);
  for (std::size_t b = 0; b * kBlock < row.size(); ++b) {
    const std::span<const float> x = row.subspan(b * kBlock, kBlock);
    const float greatest = *std::ranges::max_element(x, {}, [](float value) { return std::fabs(value); });
    const float d = type == TensorType::q8_0 ? std::fabs(greatest) / 127.0f : greatest / -8.0f;
    const std::uint16_t stored = f32_to_f16(d);
    const bool finite = std::ranges::all_of(x, [](float value) { return std::isfinite(value); });
    if (!finite || !std::isfinite(f16_to_f32(stored))) {
      throw Error(
          ErrorCode::unsupported,
          fmt::format("tensor {}: a weight is too large to be quantized to {}", tensor, info(type).name));
    }
    std::byte* block = blocks.data() + b * block_bytes;
    std::memcpy(block, &stored, 2);
    const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    (type == TensorType::q8_0 ? put_q8_0 : put_q4_0)(x, inverse, block + 2);
  }
  return blocks;
}

}  // namespace isobatch::model
