// K (after rope) and V are rounded to the KV dtype when they are produced; attention reads only rounded
// values.
#include <algorithm>
#include <cmath>

#include "base/float16.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

// K [padded][32] and V [32][padded] of Element.
template <typename Element, typename Round>
void store(const float* k, const float* v, int head_dim, int position, std::byte* block, std::size_t v_offset,
           Round round) {
  auto* k_block = reinterpret_cast<Element*>(block);
  auto* v_block = reinterpret_cast<Element*>(block + v_offset);
  for (int d = 0; d < head_dim; ++d) {
    k_block[d * kKeyBlock + position] = round(k[d]);
    v_block[position * padded_head_dim(head_dim) + d] = round(v[d]);
  }
}

// One vector of head_dim values, scaled in blocks of 32: element d at quants[d * stride], a block's scale at
// scales[b * 32].
void quantize(const float* x, int head_dim, std::ptrdiff_t stride, std::int8_t* quants,
              std::uint16_t* scales) {
  for (int begin = 0; begin < head_dim; begin += kKvScaled) {
    const int end = std::min(begin + kKvScaled, head_dim);
    float amax = 0.0f;
    bool finite = true;
    for (int d = begin; d < end; ++d) {
      finite = finite && std::isfinite(x[d]);
      amax = std::max(amax, std::fabs(x[d]));
    }
    const bool zero = !finite || amax < 0x1p-100f;
    const float inverse = zero ? 0.0f : 127.0f / amax;
    for (int d = begin; d < end; ++d) {
      const float q = zero ? 0.0f : std::clamp(std::nearbyint(x[d] * inverse), -127.0f, 127.0f);
      quants[d * stride] = static_cast<std::int8_t>(q);
    }
    const float scale = !finite ? numerics::canonical_nan() : zero ? 0.0f : amax / 127.0f;
    scales[begin / kKvScaled * kKeyBlock] = f32_to_f16(scale);
  }
}

}  // namespace

// K [padded][32] and V [32][padded], each with its scales [blocks][32] behind it.
void store_kv_q8_0(const float* k, const float* v, int head_dim, int position, std::byte* block,
                   std::size_t v_offset) {
  const int padded = padded_head_dim(head_dim);
  const auto scales = [&](std::byte* half) {
    return reinterpret_cast<std::uint16_t*>(half + padded * kKeyBlock) + position;
  };
  std::byte* v_block = block + v_offset;
  quantize(k, head_dim, kKeyBlock, reinterpret_cast<std::int8_t*>(block) + position, scales(block));
  quantize(v, head_dim, 1, reinterpret_cast<std::int8_t*>(v_block) + position * padded, scales(v_block));
}

void store_kv_f32(const float* k, const float* v, int head_dim, int position, std::byte* block,
                  std::size_t v_offset) {
  store<float>(k, v, head_dim, position, block, v_offset, numerics::canonical);
}

void store_kv_f16(const float* k, const float* v, int head_dim, int position, std::byte* block,
                  std::size_t v_offset) {
  store<std::uint16_t>(k, v, head_dim, position, block, v_offset, f32_to_f16);
}

// Pairs along the summed dimension: K [padded/2][32][2], V [16][padded][2].
void store_kv_bf16(const float* k, const float* v, int head_dim, int position, std::byte* block,
                   std::size_t v_offset) {
  auto* k_block = reinterpret_cast<std::uint16_t*>(block);
  auto* v_block = reinterpret_cast<std::uint16_t*>(block + v_offset);
  for (int d = 0; d < head_dim; ++d) {
    k_block[(d / 2 * kKeyBlock + position) * 2 + d % 2] = f32_to_bf16(round_operand_bf16(k[d]));
    v_block[(position / 2 * padded_head_dim(head_dim) + d) * 2 + position % 2] =
        f32_to_bf16(round_operand_bf16(v[d]));
  }
}

}  // namespace isobatch::kernels::ref
