// N-ATT-B by AMX: a block of K, and one of V, are B tiles as they lie in a page (kv_layout.h), and their
// products with the queries and with the weights are N-DOT-B's sums, which TDPBF16PS makes (amx_bf16.cc).
// Same bits as ref/attention.cc.
//
// Of the values tiles take the blocks that every query sees whole: an unseen value must not be touched, not
// even by a weight of zero. The others, where a window begins and where the queries themselves stand, and the
// softmax are those of the AVX-512 table.
#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"
#include "kernels/x86/tiles.h"
#include "kernels/x86/x86.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

// Fewer rows leave a tile too empty. Not yet timed on a machine with AMX.
constexpr int kFewRows = 8;

#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_tiles-inl.h"

// Rows in tiles of one height. The last tile ends with the last row, and may have rows of the one before.
struct RowTiles {
  int rows, tiles, height;
  explicit RowTiles(int n) : rows(n), tiles((n + 15) / 16), height((n + tiles - 1) / tiles) {}

  // visit(first rows of two tiles, how many tiles there are)
  template <typename Visit>
  ISOBATCH_INLINE void for_pairs(const Visit& visit) const {
    for (int tile = 0; tile < tiles; tile += 2) {
      const int first[2] = {std::min(tile * height, rows - height),
                            std::min((tile + 1) * height, rows - height)};
      visit(first, std::min(2, tiles - tile));
    }
  }
};

// Two panels of B tiles of a block of K: 16 keys each; blocks are of 32 dimensions.
struct KeyTiles {
  const std::byte* k;
  static constexpr std::ptrdiff_t stride = kKeyBlock * 4;
  const std::byte* at(int panel, int block) const { return k + block * (kBlock / 2) * stride + panel * 64; }
};

// Two panels of B tiles of V: 16 dimensions each, from `lane` on; blocks are of 32 keys.
struct ValueTiles {
  const std::byte* const* blocks;
  std::ptrdiff_t offset, stride;
  const std::byte* at(int panel, int block) const { return blocks[block] + offset + panel * 64; }
};

template <typename Weights>
ISOBATCH_INLINE void sum_pair(int tiles, const std::uint16_t* const (&a)[2], std::ptrdiff_t a_stride,
                              int blocks, const Weights& weights, const TileSums* from, const TileSums& to) {
  if (tiles == 2) {
    sum_tiles<2, 2>(a, a_stride, kBlock, blocks, weights, from, to);
  } else {
    sum_tiles<1, 2>(a, a_stride, kBlock, blocks, weights, from, to);
  }
}

// p[row][t] = dot(q[row], k[t]) · scale for the keys of blocks [begin, end).
void score(const AttentionTask& task, const RowTiles& rows, int begin, int end, const std::uint16_t* q,
           float* p, std::ptrdiff_t padded) {
  const int dim = task.head_dim;
  rows.for_pairs([&](const int(&first)[2], int tiles) {
    const std::uint16_t* const a[2] = {q + first[0] * dim, q + first[1] * dim};
    for (int block = begin; block < end; ++block) {
      float* at = p + block * kKeyBlock;
      const TileSums to{{at + first[0] * padded, at + first[1] * padded},
                        kPanel,
                        padded * static_cast<std::ptrdiff_t>(sizeof(float))};
      sum_pair(tiles, a, dim * 2, dim / kBlock, KeyTiles{task.blocks[block]}, nullptr, to);
    }
  });
  const __m512 scale = _mm512_set1_ps(task.scale);
  for (int row = 0; row < rows.rows; ++row) {
    for (float* at = p + row * padded + begin * kKeyBlock; at < p + row * padded + end * kKeyBlock;
         at += kPanel) {
      _mm512_storeu_ps(at, _mm512_mul_ps(_mm512_loadu_ps(at), scale));
    }
  }
}

// sums[row] = before[row] + Σ p[row][t] · v[t] over blocks [begin, end), which every query sees whole.
void add_whole_blocks(const AttentionTask& task, const RowTiles& rows, int begin, int end,
                      const std::uint16_t* p, std::ptrdiff_t padded, float* before, float* sums) {
  const int dim = task.head_dim;
  const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(dim) * 4;
  rows.for_pairs([&](const int(&first)[2], int tiles) {
    const std::uint16_t* at = p + begin * kKeyBlock;
    const std::uint16_t* const a[2] = {at + first[0] * padded, at + first[1] * padded};
    for (int lane = 0; lane < dim; lane += 2 * kPanel) {
      const auto part = [&](float* all) {
        return TileSums{{all + first[0] * dim + lane, all + first[1] * dim + lane}, kPanel, row_bytes};
      };
      const ValueTiles v{task.blocks + begin, static_cast<std::ptrdiff_t>(task.v_offset) + lane * 4,
                         row_bytes};
      const TileSums from = part(before);
      sum_pair(tiles, a, padded * 2, end - begin, v, &from, part(sums));
    }
  });
}

void attention(const AttentionTask& task) {
  const int dim = task.head_dim, rows = task.queries * task.group;
  if (rows <= kFewRows || dim % kBlock != 0) {
    return avx512_table().attention[static_cast<int>(KvDType::bf16)](task);
  }
  const AttentionSteps& steps = avx512_attention_steps();
  const int last = task.first_position + task.queries - 1, blocks = last / kKeyBlock + 1;
  const std::ptrdiff_t padded = static_cast<std::ptrdiff_t>(blocks) * kKeyBlock;
  const int first = task.first_visible(task.first_position) / kKeyBlock;
  const std::size_t sum_floats = static_cast<std::size_t>(rows) * dim;
  float* p = task.scratch;          // [rows][padded]
  float* sums = p + rows * padded;  // [rows][dim]; before that the rounded queries
  float* denominators = sums + sum_floats;
  float* before = denominators + rows;  // [rows][dim]; before that the packed queries
  auto* packed_q = reinterpret_cast<std::uint16_t*>(before);
  auto* packed_p = reinterpret_cast<std::uint16_t*>(before + sum_floats);  // [rows][padded]
  const RowTiles tiles(rows);

  amx::configure(bf16_tile_config(tiles.height));
  steps.round_queries(task, sums);
  pack_bf16(sums, rows * dim, packed_q);
  score(task, tiles, first, blocks, packed_q, p, padded);
  steps.weigh(task, p, padded, denominators);

  const int whole_begin = (task.first_visible(last) + kKeyBlock - 1) / kKeyBlock;
  const int whole_end = std::max(whole_begin, (task.first_position + 1) / kKeyBlock);
  std::memset(sums, 0, sum_floats * sizeof *sums);
  const auto add = [&](int begin, int end) {
    for (int b = begin; b < end; ++b) steps.add_values(task, b * kKeyBlock, p, padded, sums);
  };
  add(first, std::min(whole_begin, blocks));
  if (whole_begin < whole_end) {
    const int begin = whole_begin * kKeyBlock, count = whole_end * kKeyBlock - begin;
    for (int row = 0; row < rows; ++row) {
      pack_bf16(p + row * padded + begin, count, packed_p + row * padded + begin);
    }
    std::memcpy(before, sums, sum_floats * sizeof *sums);
    add_whole_blocks(task, tiles, whole_begin, whole_end, packed_p, padded, before, sums);
  }
  add(whole_end, blocks);
  amx::release();
  steps.divide(task, sums, denominators);
}

}  // namespace

void use_amx_attention(KernelTable& table) { table.attention[static_cast<int>(KvDType::bf16)] = attention; }

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
