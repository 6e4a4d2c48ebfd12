// K (after rope) and V are rounded to the KV dtype when they are produced; attention reads only rounded
// values.
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

}  // namespace

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
