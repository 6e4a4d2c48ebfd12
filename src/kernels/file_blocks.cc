#include "kernels/file_blocks.h"

#include <cstring>

#include "base/float16.h"
#include "numerics/scalar.h"

namespace isobatch::kernels {
namespace {

// Takes a block's fields one after the other.
class Reader {
 public:
  explicit Reader(const std::byte* source) : at_(reinterpret_cast<const std::uint8_t*>(source)) {}
  std::uint16_t u16() {
    const std::uint16_t value = static_cast<std::uint16_t>(at_[0] | at_[1] << 8);
    at_ += 2;
    return value;
  }
  const std::uint8_t* bytes(int count) {
    const std::uint8_t* here = at_;
    at_ += count;
    return here;
  }

 private:
  const std::uint8_t* at_;
};

// n bytes with two values each: low nibbles, then high ones.
void low_then_high(const std::uint8_t* bytes, int n, std::uint8_t* stored) {
  for (int i = 0; i < n; ++i) {
    stored[i] = bytes[i] & 15;
    stored[n + i] = bytes[i] >> 4;
  }
}

// 64 bytes with four values of 2 bits each: in each 128 values 32 bytes, the lowest bits first.
void read_pairs_of_bits(const std::uint8_t* bytes, std::uint8_t* stored) {
  for (int v = 0; v < kSuperBlock; ++v) stored[v] = bytes[v / 128 * 32 + v % 32] >> v % 128 / 32 * 2 & 3;
}

// Bit v of 32: fifth bit of value v.
void add_fifth_bits(const std::uint8_t* bits, std::uint8_t* stored) {
  for (int v = 0; v < kBlock; ++v) stored[v] |= (bits[v / 8] >> v % 8 & 1) << 4;
}

// Q4_K and Q5_K: eight scales and eight minima of 6 bits in 12 bytes.
void read_scales_and_minima(const std::uint8_t* bytes, FileBlock& block) {
  for (int j = 0; j < 4; ++j) {
    block.scales[j] = bytes[j] & 63;
    block.minima[j] = bytes[j + 4] & 63;
    block.scales[j + 4] = static_cast<std::int8_t>((bytes[j + 8] & 15) | bytes[j] >> 6 << 4);
    block.minima[j + 4] = static_cast<std::uint8_t>(bytes[j + 8] >> 4 | bytes[j + 4] >> 6 << 4);
  }
}

void read_q2_k(Reader in, FileBlock& block) {
  const std::uint8_t* scales = in.bytes(16);
  read_pairs_of_bits(in.bytes(64), block.stored);
  block.factor = in.u16();
  block.minimum_factor = in.u16();
  for (int i = 0; i < 16; ++i) {
    block.scales[i] = scales[i] & 15;
    block.minima[i] = scales[i] >> 4;
  }
}

void read_q3_k(Reader in, FileBlock& block) {
  const std::uint8_t* third_bits = in.bytes(32);
  read_pairs_of_bits(in.bytes(64), block.stored);
  for (int v = 0; v < kSuperBlock; ++v) block.stored[v] |= (third_bits[v % 32] >> v / 32 & 1) << 2;
  const std::uint8_t* scales = in.bytes(12);
  for (int i = 0; i < 16; ++i) {
    const int low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
    const int high = scales[8 + i % 4] >> i / 4 * 2 & 3;
    block.scales[i] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
  block.factor = in.u16();
}

void read_q4_k(Reader in, FileBlock& block, bool fifth_bits) {
  block.factor = in.u16();
  block.minimum_factor = in.u16();
  read_scales_and_minima(in.bytes(12), block);
  const std::uint8_t* high = fifth_bits ? in.bytes(32) : nullptr;
  for (int part = 0; part < 4; ++part) low_then_high(in.bytes(32), 32, block.stored + part * 64);
  for (int v = 0; fifth_bits && v < kSuperBlock; ++v) block.stored[v] |= (high[v % 32] >> v / 32 & 1) << 4;
}

void read_q6_k(Reader in, FileBlock& block) {
  for (int half = 0; half < 2; ++half) low_then_high(in.bytes(64), 64, block.stored + half * 128);
  const std::uint8_t* high = in.bytes(64);
  for (int v = 0; v < kSuperBlock; ++v) {
    block.stored[v] |= (high[v / 128 * 32 + v % 32] >> v % 128 / 32 * 2 & 3) << 4;
  }
  std::memcpy(block.scales, in.bytes(16), 16);
  block.factor = in.u16();
}

void read_iq4_xs(Reader in, FileBlock& block) {
  block.factor = in.u16();
  const std::uint16_t high = in.u16();
  const std::uint8_t* low = in.bytes(4);
  for (int i = 0; i < 8; ++i) {
    const int scale = (low[i / 2] >> i % 2 * 4 & 15) | (high >> 2 * i & 3) << 4;
    block.scales[i] = static_cast<std::int8_t>(scale - 32);
    low_then_high(in.bytes(16), 16, block.stored + i * 32);
  }
}

// The types of 32 values: a scale, a minimum, fifth bits, then bytes or nibbles.
void read_small(TensorType type, Reader in, FileBlock& block) {
  const QuantLayout layout = quant_layout(type);
  block.factor = in.u16();
  if (layout.minima) block.minimum_factor = in.u16();
  const std::uint8_t* fifth_bits = layout.bits == 5 ? in.bytes(4) : nullptr;
  if (layout.bits == 8) {
    std::memcpy(block.stored, in.bytes(kBlock), kBlock);
  } else {
    low_then_high(in.bytes(kBlock / 2), kBlock / 2, block.stored);
  }
  if (fifth_bits) add_fifth_bits(fifth_bits, block.stored);
}

}  // namespace

void read_file_block(TensorType type, const std::byte* source, FileBlock& block) {
  const Reader in(source);
  switch (type) {
    case TensorType::q2_k:
      return read_q2_k(in, block);
    case TensorType::q3_k:
      return read_q3_k(in, block);
    case TensorType::q4_k:
      return read_q4_k(in, block, /*fifth_bits=*/false);
    case TensorType::q5_k:
      return read_q4_k(in, block, /*fifth_bits=*/true);
    case TensorType::q6_k:
      return read_q6_k(in, block);
    case TensorType::iq4_xs:
      return read_iq4_xs(in, block);
    default:
      return read_small(type, in, block);
  }
}

void block_values(TensorType type, const FileBlock& block, float* out) {
  const QuantLayout layout = quant_layout(type);
  const int size = static_cast<int>(info(type).block_size);
  const float factor = f16_to_f32(block.factor), minimum_factor = f16_to_f32(block.minimum_factor);
  for (int first = 0; first < size; first += layout.scaled) {
    const int index = first / layout.scaled;
    const float scale = layout.factors ? factor * static_cast<float>(block.scales[index]) : factor;
    const float minimum =
        layout.factors ? -(minimum_factor * static_cast<float>(block.minima[index])) : minimum_factor;
    for (int v = first; v < first + layout.scaled; ++v) {
      const auto q = static_cast<float>(stored_integer(layout, block.stored[v]));
      out[v] = numerics::canonical(layout.minima ? numerics::fma(scale, q, minimum) : scale * q);
    }
  }
}

}  // namespace isobatch::kernels
