// A copied beginning of a page is the page in which only these positions were ever stored.
#include "kernels/kv_layout.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/kernels.h"
#include "kernels/op_cases.h"

namespace isobatch::kernels {
namespace {

using Page = std::vector<std::byte>;

Page page_of(const KvLayout& layout, int positions) {
  Page page(layout.page_bytes());
  InputSource source(InputKind::uniform, 3);
  for (int position = 0; position < positions; ++position) {
    for (int layer = 0; layer < layout.layers; ++layer) {
      for (int head = 0; head < layout.kv_heads; ++head) {
        const std::vector<float> k = source.floats(layout.head_dim), v = source.floats(layout.head_dim);
        std::byte* block = page.data() + layout.block_offset(layer, head, position / kKeyBlock);
        ref_table().store_kv[static_cast<std::size_t>(layout.dtype)](
            k.data(), v.data(), layout.head_dim, position % kKeyBlock, block, layout.half_block_bytes());
      }
    }
  }
  return page;
}

TEST(KvLayout, CopiesTheFirstPositionsAlone) {
  for (const KvDType dtype : {KvDType::f32, KvDType::f16, KvDType::bf16, KvDType::q8_0}) {
    const KvLayout layout{.dtype = dtype, .layers = 2, .kv_heads = 2, .head_dim = 40, .page_size = 64};
    const Page whole = page_of(layout, 64);
    for (const int positions : {0, 1, 2, 15, 31, 32, 33, 63, 64}) {
      Page copy(layout.page_bytes());
      copy_positions(layout, whole.data(), copy.data(), positions);
      EXPECT_TRUE(copy == page_of(layout, positions)) << static_cast<int>(dtype) << ", " << positions;
    }
  }
}

}  // namespace
}  // namespace isobatch::kernels
