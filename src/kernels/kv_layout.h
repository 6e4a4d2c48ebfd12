// How K and V lie in the pages of the KV pool.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isobatch/options.h"

namespace isobatch::kernels {

inline constexpr int kKeyBlock = 32;  // positions in a block; N-ATT counts blocks from position 0

// A page is [layer][kv_head][page_size / 32] blocks; a block holds 32 positions of one head: K, then V.
//   bf16      K [padded/2][32][2]   V [16][padded][2]   pairs along the summed dimension
//   f16, f32  K [padded][32]        V [32][padded]
// So K's inner index is the key (an output of the scores) and V's is the dimension (an output of the
// product). padded is head_dim rounded up to 16; what lies past head_dim is zero and is never summed.
constexpr int padded_head_dim(int head_dim) { return (head_dim + 15) / 16 * 16; }

struct KvLayout {
  KvDType dtype = KvDType::bf16;
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int page_size = kKeyBlock;  // positions, a multiple of 32

  std::size_t element_bytes() const { return dtype == KvDType::f32 ? 4 : 2; }
  std::size_t half_block_bytes() const {  // K or V of a block
    return static_cast<std::size_t>(padded_head_dim(head_dim)) * kKeyBlock * element_bytes();
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
