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
  const std::byte* ahead = nullptr;  // this group in the next panel
  int blocks = 0;

  // Blocks [first, first + count) of a panel; `next` bytes behind it lies the next one.
  template <typename PanelScales>
  ISOBATCH_INLINE void load(const std::byte* panel, const PanelScales& packed_scales, int first, int count,
                            std::ptrdiff_t next) {
    blocks = count;
    ahead = panel + next + first * Block::kBytes;
    for (int b = 0; b < count; ++b) {
      packed_scales.prefetch_scale(first + b, next);
      Block::unpack(panel + (first + b) * Block::kBytes, tiles[b]);
      scales[b] = packed_scales.scale(first + b);
    }
    load_tile<0>();
  }

  // `values`: the tile's first row in the group's first block. Asks for the next panel, too, if that is told:
  // between products, since all its lines at once are more than a core can wait for.
  ISOBATCH_INLINE void multiply(const std::int8_t* values, std::ptrdiff_t block_stride, bool ask_ahead,
                                GroupSums<Block>& out) const {
    multiply_block<0>(values, block_stride, ask_ahead, out);
  }

  // acc = fma(dx, t, acc) for rows [first, rows) of the tile; acc holds those rows.
  ISOBATCH_INLINE void add(const GroupSums<Block>& from, const float* dx, int first, int rows,
                           float (*acc)[kPanel]) const {
    add_blocks<kBlocksInGroup>(from, dx, first, rows, acc);
  }

 private:
  // Four rows at a time: each is a chain over the blocks.
  template <int kCount>
  struct AddTile {
    const Group& group;
    const GroupSums<Block>& from;
    const float* dx;
    float (*acc)[kPanel];  // of row `first`
    int first;

    template <int R>
    ISOBATCH_INLINE void run(int row) const {
      __m512 t[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) t[r] = _mm512_setzero_ps();
#pragma GCC unroll 4
      for (int b = 0; b < kCount; ++b) {
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          __m512i sum = _mm512_load_si512(from.sums[b][0][row + r]);
          if constexpr (Block::kParts == 2) {
            sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 4), _mm512_load_si512(from.sums[b][1][row + r]));
          }
          t[r] = _mm512_fmadd_ps(group.scales[b], _mm512_cvtepi32_ps(sum), t[r]);
        }
      }
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        float* to = acc[row + r - first];
        _mm512_store_ps(to, _mm512_fmadd_ps(_mm512_set1_ps(dx[row + r]), t[r], _mm512_load_ps(to)));
      }
    }
  };

  template <int kCount>
  ISOBATCH_INLINE void add_blocks(const GroupSums<Block>& from, const float* dx, int first, int rows,
                                  float (*acc)[kPanel]) const {
    if constexpr (kCount > 1) {
      if (blocks < kCount) return add_blocks<kCount - 1>(from, dx, first, rows, acc);
    }
    for_row_tiles<4>(AddTile<kCount>{*this, from, dx, acc, first}, first, rows);
  }

  template <int B>
  ISOBATCH_INLINE void load_tile() const {
    if (B >= blocks) return;
    amx::load<kB + B>(tiles[B], 64);
    if constexpr (B + 1 < kBlocksInGroup) load_tile<B + 1>();
  }

  template <int B>
  ISOBATCH_INLINE void multiply_block(const std::int8_t* values, std::ptrdiff_t block_stride, bool ask_ahead,
                                      GroupSums<Block>& out) const {
    if (B >= blocks) return;
    for (int line = 0; ask_ahead && line < Block::kBytes; line += 64)
      prefetch(ahead + B * Block::kBytes + line);
    if constexpr (Block::kParts == 1) {
      multiply_part<B % 2, B>(values, out.sums[B][0]);
    } else {
      multiply_part<0, B>(values, out.sums[B][0]);
      multiply_part<1, B>(values + kBlock, out.sums[B][1]);
    }
    if constexpr (B + 1 < kBlocksInGroup) {
      multiply_block<B + 1>(values + block_stride, block_stride, ask_ahead, out);
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

// Panel p, the rows [begin, end) of x, `height` of them in a tile, and some of its groups. x has at least
// that many rows.
template <TensorType kType>
void multiply_panel(const MatmulTask& task, int p, const QuantizedRows& x, int begin, int end,
                    GroupRange range, int height) {
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  const std::byte* panel = w.data + p * stride;
  const Scales<kType> scales(panel + quants_bytes(kType, w.depth), w.depth);
  const int outputs = std::min(kPanel, w.outputs - p * kPanel);
  alignas(64) float acc[kRowBlock][kPanel];
  std::memset(acc, 0, (end - begin) * sizeof acc[0]);
  const OutputTile<kType, 1> output{&scales,
                                    stride,
                                    x,
                                    begin,
                                    acc[0],
                                    task.out + begin * task.out_stride + p * kPanel,
                                    task.out_stride,
                                    (1u << outputs) - 1};
  if (!range.is_first()) output.load_sums(end - begin, acc[0]);

  const std::ptrdiff_t block_stride = static_cast<std::ptrdiff_t>(x.rows) * kBlockBytes;
  const int tiles = (end - begin + height - 1) / height, last_group = x.groups() - 1;
  // The last tile is a whole one too: it starts early, and rows that the tile before has are left out of it.
  // In a block of rows lower than a tile it starts in the block before.
  const auto tile_begin = [=](int tile) { return std::min(begin + tile * height, end - height); };
  // While the tile unit makes the sums of a tile, those of the one before are added, which may be of the
  // group before.
  Group<Block<kType>> groups[2];
  GroupSums<Block<kType>> sums[2];
  struct Step {
    int group, tile;
  };
  const int steps = (range.end - range.begin) * tiles;
  Step now{range.begin, 0}, before{};
  for (int step = 0; step <= steps; ++step) {
    if (step < steps) {
      const int first = now.group * kBlocksInGroup, at = tile_begin(now.tile);
      Group<Block<kType>>& group = groups[now.group % 2];
      if (now.tile == 0) {
        group.load(panel, scales, first, std::min(kBlocksInGroup, x.blocks() - first), stride);
      }
      if (now.group == last_group) output.ask_for(at - begin, at + height - begin);
      const std::int8_t* values = x.values + first * block_stride + at * kBlockBytes;
      group.multiply(values, block_stride, now.tile == 0, sums[step % 2]);
    }
    if (step > 0) {
      const int at = tile_begin(before.tile), fresh = begin + before.tile * height;
      const float* dx = x.scales + static_cast<std::ptrdiff_t>(before.group) * x.rows + at;
      groups[before.group % 2].add(sums[(step - 1) % 2], dx, fresh - at, height, acc + (fresh - begin));
      if (before.group == last_group) for_row_tiles<8>(output, fresh - begin, at + height - begin);
    }
    before = now;
    if (++now.tile == tiles) now = {now.group + 1, 0};
  }
  if (!range.is_last()) output.store_sums(end - begin);
}

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  static const KernelTable few_rows = make_vnni_table(VnniManyRows::by_bytes);
  if (task.rows <= kFewRows) return few_rows.matmul_q[static_cast<std::size_t>(kType)](task, x);
  const int height = std::min(kTileRows, task.rows);
  amx::configure(tile_config<Block<kType>>(height));
  for_row_and_depth_blocks<kTileRows>(
      task.rows, x.groups(), kBlockBytes * kBlocksInGroup,
      [&](int begin, int end, GroupRange groups) {
        for (int p = task.panel_begin; p < task.panel_end; ++p) {
          multiply_panel<kType>(task, p, x, begin, end, groups, height);
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
