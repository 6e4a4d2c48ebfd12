// How K and V lie in the pages of the KV pool.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isobatch/options.h"

namespace isobatch::kernels {

inline constexpr int kKeyBlock = 32;  // positions in a block; N-ATT counts blocks from position 0
inline constexpr int kKvScaled = 32;  // dimensions that share a scale in dtype q8_0
inline constexpr std::size_t kKvDTypes = 4;

// A page is [layer][kv_head][page_size / 32] blocks; a block holds 32 positions of one head: K, then V.
//   bf16      K [padded/2][32][2]   V [16][padded][2]   pairs along the summed dimension
//   f16, f32  K [padded][32]        V [32][padded]
//   q8_0      K [padded][32] s8     V [32][padded] s8, each with f16 scales [ceil(padded / 32)][32] behind
//   it:
//             one for 32 dimensions of a position
// So K's inner index is the key (an output of the scores) and V's is the dimension (an output of the
// product). padded is head_dim rounded up to 16; what lies past head_dim is zero and is never summed.
constexpr int padded_head_dim(int head_dim) { return (head_dim + 15) / 16 * 16; }

// Scales of K or V of a block, dtype q8_0.
constexpr std::size_t kv_scales(int head_dim) {
  return static_cast<std::size_t>(padded_head_dim(head_dim) + kKvScaled - 1) / kKvScaled * kKeyBlock;
}

struct KvLayout {
  KvDType dtype = KvDType::bf16;
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int page_size = kKeyBlock;  // positions, a multiple of 32

  std::size_t half_block_bytes() const {  // K or V of a block
    const std::size_t elements = static_cast<std::size_t>(padded_head_dim(head_dim)) * kKeyBlock;
    if (dtype == KvDType::q8_0) return elements + kv_scales(head_dim) * 2;
    return elements * (dtype == KvDType::f32 ? 4 : 2);
  }
  std::size_t block_bytes() const { return 2 * half_block_bytes(); }
  int blocks_per_page() const { return page_size / kKeyBlock; }
  std::size_t page_bytes() const { return block_bytes() * blocks_per_page() * kv_heads * layers; }
  std::size_t block_offset(int layer, int kv_head, int block_in_page) const {
    return ((static_cast<std::size_t>(layer) * kv_heads + kv_head) * blocks_per_page() + block_in_page) *
           block_bytes();
  }
};

// Copies K and V of a page's first `positions` positions into another page; the rest of it stays as it is.
void copy_positions(const KvLayout& layout, const std::byte* from, std::byte* to, int positions);

}  // namespace isobatch::kernels
