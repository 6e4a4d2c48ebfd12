// N-DOT-Q by AMX: a tile product adds 16 × 16 sums of 64 byte products each. Same bits as ref/matmul_q.cc:
// the sum in a block is exact, and one fma per block and output is left to order.
//
// The activations' 64 bytes of a block, [32 high | 32 low], are an A tile as they lie. 4-bit weights meet
// them as the B tile [16·w | w] of 64 bytes a column, so that one product gives Σ w · (16·high + low); 8-bit
// weights take two products of half the depth. A panel's tiles of one group are unpacked and loaded once for
// all rows of a block of rows; the sums of a row tile are scaled while the tile unit works on the next one.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"
#include "kernels/x86/tiles.h"
#include "kernels/x86/x86.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

constexpr int kBlocksInGroup = kGroup / kBlock;
constexpr int kTileRows = 16;
// Fewer rows leave a tile too empty to pay for unpacking; the VNNI kernel takes them. Not yet timed on a
// machine with AMX.
constexpr int kFewRows = 4;
constexpr std::size_t kCacheBytes = 512 << 10;  // for the activations of a block of rows; L2 has 2 MB

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_quants-inl.h"

// Tiles 0, 1: sums; 2, 3: A; 4 … 7: B, the blocks of a group.
constexpr int kSum = 0, kA = 2, kB = 4;

// A type's weights as B tiles: rows of four k for each of 16 outputs. kParts products make a block's sum;
// part 0 is worth 16 times part 1.
template <TensorType kType>
struct Block {
  static constexpr QuantLayout kLayout = quant_layout(kType);
  static constexpr int kBytes = 64 * kLayout.bits;
  static constexpr int kParts = kLayout.bits == 4 && !kLayout.codebook ? 1 : 2;
  static constexpr int kTileBytes = 1024 / kParts;
  static constexpr bool kSigned = kLayout.bits == 8 || kLayout.codebook || kLayout.offset != 0;

  static ISOBATCH_INLINE void unpack(const std::byte* quants, std::byte* tile) {
    __m512i w[8];
    unpack_block<kType, 0>(quants, w);
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) {
      if constexpr (kParts == 1) {
        const __m512i high_bits = _mm512_set1_epi8(static_cast<char>(0xf0));
        put(tile, g, _mm512_and_si512(_mm512_slli_epi16(w[g], 4), high_bits));  // 16 · w
      }
      put(tile, kParts == 1 ? g + 8 : g, w[g]);
    }
  }

 private:
  static ISOBATCH_INLINE void put(std::byte* tile, int row, __m512i values) {
    _mm512_store_si512(reinterpret_cast<__m512i*>(tile + row * 64), values);
  }
};

template <typename Block>
amx::TileConfig tile_config(int rows) {
  amx::TileConfig config;
  for (int tile : {0, 1, 2, 3}) config.rows[tile] = static_cast<std::uint8_t>(rows);
  for (int tile : {0, 1}) config.row_bytes[tile] = 64;
  for (int tile : {2, 3}) config.row_bytes[tile] = kBlockBytes / Block::kParts;
  for (int tile : {4, 5, 6, 7}) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = Block::kTileBytes / 64;
  }
  return config;
}

// The integer sums of a row tile in one group.
template <typename Block>
struct GroupSums {
  alignas(64) std::int32_t sums[kBlocksInGroup][Block::kParts][kTileRows][kPanel];
};

template <typename Block>
struct Group {
  alignas(64) std::byte tiles[kBlocksInGroup][Block::kTileBytes];
  __m512 scales[kBlocksInGroup];
  int blocks = 0;

  // Blocks [first, first + count) of a panel.
  template <typename PanelScales>
  ISOBATCH_INLINE void load(const std::byte* panel, const PanelScales& packed_scales, int first, int count) {
    blocks = count;
    for (int b = 0; b < count; ++b) {
      Block::unpack(panel + (first + b) * Block::kBytes, tiles[b]);
      scales[b] = packed_scales.scale(first + b);
    }
    load_tile<0>();
  }

  // `values`: the tile's first row in the group's first block.
  ISOBATCH_INLINE void multiply(const std::int8_t* values, std::ptrdiff_t block_stride,
                                GroupSums<Block>& out) const {
    multiply_block<0>(values, block_stride, out);
  }

  // acc = fma(dx, t, acc) for rows [first, rows) of the tile; acc holds those rows.
  ISOBATCH_INLINE void add(const GroupSums<Block>& from, const float* dx, int first, int rows,
                           float (*acc)[kPanel]) const {
    for (int r = first; r < rows; ++r, ++acc) {
      __m512 t = _mm512_setzero_ps();
      for (int b = 0; b < blocks; ++b) {
        __m512i sum = _mm512_load_si512(from.sums[b][0][r]);
        if constexpr (Block::kParts == 2) {
          sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 4), _mm512_load_si512(from.sums[b][1][r]));
        }
        t = _mm512_fmadd_ps(scales[b], _mm512_cvtepi32_ps(sum), t);
      }
      _mm512_store_ps(*acc, _mm512_fmadd_ps(_mm512_set1_ps(dx[r]), t, _mm512_load_ps(*acc)));
    }
  }

 private:
  template <int B>
  ISOBATCH_INLINE void load_tile() const {
    if (B >= blocks) return;
    amx::load<kB + B>(tiles[B], 64);
    if constexpr (B + 1 < kBlocksInGroup) load_tile<B + 1>();
  }

  template <int B>
  ISOBATCH_INLINE void multiply_block(const std::int8_t* values, std::ptrdiff_t block_stride,
                                      GroupSums<Block>& out) const {
    if (B >= blocks) return;
    if constexpr (Block::kParts == 1) {
      multiply_part<B % 2, B>(values, out.sums[B][0]);
    } else {
      multiply_part<0, B>(values, out.sums[B][0]);
      multiply_part<1, B>(values + kBlock, out.sums[B][1]);
    }
    if constexpr (B + 1 < kBlocksInGroup) {
      multiply_block<B + 1>(values + block_stride, block_stride, out);
    }
  }

  template <int kSlot, int B>
  static ISOBATCH_INLINE void multiply_part(const std::int8_t* values, std::int32_t (*out)[kPanel]) {
    amx::zero<kSum + kSlot>();
    amx::load<kA + kSlot>(values, kBlockBytes);
    amx::multiply_bytes<kSum + kSlot, kA + kSlot, kB + B, Block::kSigned>();
    amx::store<kSum + kSlot>(out, kPanel * sizeof(std::int32_t));
  }
};

// One panel, all groups, the rows [begin, end) of x: acc[row - begin]. There are at least `height` rows.
template <TensorType kType>
void add_groups(const std::byte* panel, const Scales<kType>& scales, const QuantizedRows& x, int begin,
                int end, int height, float (*acc)[kPanel]) {
  const std::ptrdiff_t block_stride = static_cast<std::ptrdiff_t>(x.rows) * kBlockBytes;
  const int tiles = (end - begin + height - 1) / height;
  // The last tile is a whole one too: it starts early, and rows that the tile before has are left out of it.
  // In a block of rows lower than a tile it starts in the block before.
  const auto tile_begin = [=](int tile) { return std::min(begin + tile * height, end - height); };
  GroupSums<Block<kType>> sums[2];
  Group<Block<kType>> group;
  for (int g = 0; g < x.groups(); ++g) {
    const int first = g * kBlocksInGroup;
    group.load(panel, scales, first, std::min(kBlocksInGroup, x.blocks() - first));
    const std::int8_t* values = x.values + first * block_stride;
    const float* dx = x.scales + static_cast<std::ptrdiff_t>(g) * x.rows;
    for (int tile = 0; tile <= tiles; ++tile) {
      if (tile < tiles) {
        group.multiply(values + tile_begin(tile) * kBlockBytes, block_stride, sums[tile % 2]);
      }
      if (tile > 0) {
        const int at = tile_begin(tile - 1), fresh = begin + (tile - 1) * height;
        group.add(sums[(tile - 1) % 2], dx + at, fresh - at, height, acc + (fresh - begin));
      }
    }
  }
}

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  static const KernelTable few_rows = make_vnni_table(VnniManyRows::by_bytes);
  if (task.rows <= kFewRows) return few_rows.matmul_q[static_cast<std::size_t>(kType)](task, x);
  const int height = std::min(kTileRows, task.rows);
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(kType, w.depth);
  amx::configure(tile_config<Block<kType>>(height));
  // Blocks of rows outside, so that their activations stay in the L2 cache while the panels pass.
  for_row_blocks(
      task.rows, kBlockBytes * w.blocks(),
      [&](int begin, int end) {
        for (int p = task.panel_begin; p < task.panel_end; ++p) {
          const std::byte* panel = w.data + p * stride;
          const Scales<kType> scales(panel + quants_bytes(kType, w.depth), w.depth);
          const int outputs = std::min(kPanel, w.outputs - p * kPanel);
          alignas(64) float acc[kRowBlock][kPanel];
          std::memset(acc, 0, (end - begin) * sizeof acc[0]);
          add_groups<kType>(panel, scales, x, begin, end, height, acc);
          const OutputTile<kType, 1> tile{&scales,
                                          static_cast<std::ptrdiff_t>(stride),
                                          x,
                                          begin,
                                          acc[0],
                                          task.out + begin * task.out_stride + p * kPanel,
                                          task.out_stride,
                                          (1u << outputs) - 1};
          for_row_tiles<16>(tile, end - begin);
        }
      },
      kCacheBytes);
  amx::release();
}

// Types with a scale for each 16 values stay with VNNI: half a tile's depth would do nothing.
template <std::size_t... kTypes>
void use_for_all(KernelTable& table, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  const auto use = [&]<TensorType kType>() {
    if constexpr (quant_layout(kType).scaled == kBlock) {
      table.matmul_q[static_cast<std::size_t>(kType)] = matmul<kType>;
    }
  };
  (use.template operator()<static_cast<TensorType>(kFirst + kTypes)>(), ...);
}

}  // namespace

const KernelTable& amx_table() {
  static const KernelTable table = [] {
    KernelTable t = make_vnni_table(VnniManyRows::by_bytes);
    t.name = "amx";
    use_for_all(t, std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>());
    use_amx_bf16(t);
    use_amx_attention(t);
    return t;
  }();
  return table;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
