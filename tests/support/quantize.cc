#include "tests/support/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "base/float16.h"
#include "tests/support/gguf_writer.h"

namespace isobatch::test {
namespace {

constexpr std::size_t kBlockSize = 32;

// Index of the nearest multiple of `step` to x, kept in [low, high].
int nearest(float x, float step, int low, int high) {
  if (step == 0.0f) return std::clamp(0, low, high);
  return std::clamp(static_cast<int>(std::nearbyint(x / step)), low, high);
}

float largest_magnitude(std::span<const float> block) {  // with its sign
  return *std::max_element(block.begin(), block.end(),
                           [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

// Value j and value j + 16 share byte j: low nibble, high nibble.
void put_nibbles(ByteBuffer& out, const std::vector<int>& q) {
  for (std::size_t j = 0; j < kBlockSize / 2; ++j) {
    out.put(static_cast<std::uint8_t>(q[j] | q[j + kBlockSize / 2] << 4));
  }
}

// d, 32 × s8: value = d · q
void put_q8_0(ByteBuffer& out, std::span<const float> block) {
  const std::uint16_t d = f32_to_f16(std::fabs(largest_magnitude(block)) / 127.0f);
  out.put(d);
  for (const float x : block) out.put(static_cast<std::int8_t>(nearest(x, f16_to_f32(d), -127, 127)));
}

// d, 32 × 4 bits: value = d · (q - 8). The largest magnitude gets -8, whatever its sign.
void put_q4_0(ByteBuffer& out, std::span<const float> block) {
  const std::uint16_t d = f32_to_f16(largest_magnitude(block) / -8.0f);
  std::vector<int> q;
  for (const float x : block) q.push_back(nearest(x, f16_to_f32(d), -8, 7) + 8);
  out.put(d);
  put_nibbles(out, q);
}

// d, m, 32 × 4 bits: value = d · q + m
void put_q4_1(ByteBuffer& out, std::span<const float> block) {
  const auto [low, high] = std::minmax_element(block.begin(), block.end());
  const std::uint16_t d = f32_to_f16((*high - *low) / 15.0f);
  const std::uint16_t m = f32_to_f16(*low);
  std::vector<int> q;
  for (const float x : block) q.push_back(nearest(x - f16_to_f32(m), f16_to_f32(d), 0, 15));
  out.put(d);
  out.put(m);
  put_nibbles(out, q);
}

template <typename T>
T read(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

std::vector<std::byte> quantize(TensorType type, std::span<const float> values) {
  const std::size_t block_size = info(type).block_size;
  if (values.size() % block_size != 0) throw std::invalid_argument("quantize: not a whole number of blocks");
  ByteBuffer out;
  for (std::size_t i = 0; i < values.size(); i += block_size) {
    const std::span<const float> block = values.subspan(i, block_size);
    switch (type) {
      case TensorType::f32:
        out.put(block[0]);
        break;
      case TensorType::f16:
        out.put(f32_to_f16(block[0]));
        break;
      case TensorType::bf16:
        out.put(f32_to_bf16(block[0]));
        break;
      case TensorType::q8_0:
        put_q8_0(out, block);
        break;
      case TensorType::q4_0:
        put_q4_0(out, block);
        break;
      case TensorType::q4_1:
        put_q4_1(out, block);
        break;
      default:
        throw std::invalid_argument("quantize: no quantizer for this type");
    }
  }
  return std::move(out.bytes());
}

std::vector<float> dequantize(TensorType type, std::span<const std::byte> data) {
  std::vector<float> values;
  const std::size_t block_bytes = info(type).block_bytes;
  for (std::size_t i = 0; i + block_bytes <= data.size(); i += block_bytes) {
    const std::byte* p = data.data() + i;
    if (type == TensorType::f32) values.push_back(read<float>(p));
    if (type == TensorType::f16) values.push_back(f16_to_f32(read<std::uint16_t>(p)));
    if (type == TensorType::bf16) values.push_back(bf16_to_f32(read<std::uint16_t>(p)));
    if (!is_quantized(type)) continue;
    if (type > TensorType::q4_1) throw std::invalid_argument("dequantize: not this type");
    const float d = f16_to_f32(read<std::uint16_t>(p));
    const float m = type == TensorType::q4_1 ? f16_to_f32(read<std::uint16_t>(p + 2)) : 0.0f;
    const std::byte* quants = p + (type == TensorType::q4_1 ? 4 : 2);
    for (std::size_t j = 0; j < kBlockSize; ++j) {
      int q;
      if (type == TensorType::q8_0) {
        q = static_cast<std::int8_t>(quants[j]);
      } else {
        const auto pair = static_cast<int>(quants[j % 16]);
        q = (j < 16 ? pair & 15 : pair >> 4) - (type == TensorType::q4_0 ? 8 : 0);
      }
      values.push_back(d * static_cast<float>(q) + m);
    }
  }
  return values;
}

}  // namespace isobatch::test
