// How K and V lie in the pages of the KV pool.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isobatch/options.h"

namespace isobatch::kernels {

inline constexpr int kKeyBlock = 32;  // positions in a block; N-ATT counts blocks from position 0

// A page is [layer][kv_head][page_size / 32] blocks; a block holds 32 positions of one head: K, then V.
//   bf16      K [ceil(head_dim/2)][32][2]   V [16][head_dim][2]   pairs along the summed dimension
//   f16, f32  K [head_dim][32]              V [32][head_dim]
// So K's inner index is the key (an output of the scores) and V's is the dimension (an output of the product).
struct KvLayout {
  KvDType dtype = KvDType::bf16;
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int page_size = kKeyBlock;  // positions, a multiple of 32

  std::size_t element_bytes() const { return dtype == KvDType::f32 ? 4 : 2; }
  std::size_t half_block_bytes() const {  // K or V of a block
    const std::size_t dim = dtype == KvDType::bf16 ? (head_dim + 1) / 2 * 2 : head_dim;
    return dim * kKeyBlock * element_bytes();
  }
  std::size_t block_bytes() const { return 2 * half_block_bytes(); }
  int blocks_per_page() const { return page_size / kKeyBlock; }
  std::size_t page_bytes() const { return block_bytes() * blocks_per_page() * kv_heads * layers; }
  std::size_t block_offset(int layer, int kv_head, int block_in_page) const {
    return ((static_cast<std::size_t>(layer) * kv_heads + kv_head) * blocks_per_page() + block_in_page) *
           block_bytes();
  }
};

}  // namespace isobatch::kernels
