#include "kernels/kv_layout.h"

#include <algorithm>
#include <cstring>

namespace isobatch::kernels {
namespace {

// The first `bytes` of each of `rows` rows.
void copy_rows(const std::byte* from, std::byte* to, int rows, std::size_t row_bytes, std::size_t bytes) {
  for (int row = 0; row < rows; ++row) std::memcpy(to + row * row_bytes, from + row * row_bytes, bytes);
}

void copy_block(const KvLayout& layout, const std::byte* from, std::byte* to, std::size_t positions) {
  const int padded = padded_head_dim(layout.head_dim);
  const std::byte* v_from = from + layout.half_block_bytes();
  std::byte* v_to = to + layout.half_block_bytes();
  switch (layout.dtype) {
    case KvDType::bf16: {
      copy_rows(from, to, padded / 2, kKeyBlock * 4, positions * 4);
      const std::size_t whole_pairs = positions / 2 * padded * 4;
      std::memcpy(v_to, v_from, whole_pairs);
      if (positions % 2 != 0) copy_rows(v_from + whole_pairs, v_to + whole_pairs, padded, 4, 2);
      return;
    }
    case KvDType::f16:
    case KvDType::f32: {
      const std::size_t element = layout.dtype == KvDType::f32 ? 4 : 2;
      copy_rows(from, to, padded, kKeyBlock * element, positions * element);
      std::memcpy(v_to, v_from, positions * padded * element);
      return;
    }
    case KvDType::q8_0: {
      const std::size_t quants = static_cast<std::size_t>(padded) * kKeyBlock;
      const int scale_rows = static_cast<int>(kv_scales(layout.head_dim)) / kKeyBlock;
      copy_rows(from, to, padded, kKeyBlock, positions);
      copy_rows(from + quants, to + quants, scale_rows, kKeyBlock * 2, positions * 2);
      std::memcpy(v_to, v_from, positions * padded);
      copy_rows(v_from + quants, v_to + quants, scale_rows, kKeyBlock * 2, positions * 2);
      return;
    }
  }
}

}  // namespace

void copy_positions(const KvLayout& layout, const std::byte* from, std::byte* to, int positions) {
  const std::size_t bytes = layout.block_bytes();
  const int blocks = static_cast<int>(layout.page_bytes() / bytes), in_page = layout.blocks_per_page();
  for (int block = 0; block < blocks; ++block, from += bytes, to += bytes) {
    copy_block(layout, from, to, std::clamp(positions - block % in_page * kKeyBlock, 0, kKeyBlock));
  }
}

}  // namespace isobatch::kernels
