// Same bits as ref/matmul_q.cc. In a block the int32 sum is exact, so any instruction will do: here products
// of 16-bit integers, added in pairs (vpmaddwd; vmull and a pairwise add on NEON). Lanes are outputs. Many
// rows share weights that are unpacked once into a buffer; one or two rows take them straight from the panel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_q.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

using S = hn::Repartition<std::int16_t, I>;  // two 16-bit values for each lane
using VS = hn::Vec<S>;
using US = hn::Repartition<std::uint16_t, I>;
using VUS = hn::Vec<US>;

constexpr int kBlocksInGroup = kGroup / kBlock;
constexpr int kPairs = kBlock / 2;      // in a block of an output
constexpr int kPairBytes = kPanel * 4;  // the pair of each output of a panel
constexpr int kDirectRows = 2;          // up to here unpacking into a buffer does not pay
constexpr int kTileVectors = kVectors < 2 ? kVectors : 2;
constexpr int kTileRowsQ = kTileVectors == 1 ? 8 : 3;  // what the registers hold (see docs/decisions/0003)
constexpr int kMinimaRows = 6;

// acc += w[0] · x[0] + w[1] · x[1] in each lane.
HWY_INLINE VI add_pairs(VI acc, VS w, VS x) {
#if HWY_TARGET == HWY_AVX2
  return hn::Add(acc, VI{_mm256_madd_epi16(w.raw, x.raw)});
#elif HWY_TARGET == HWY_AVX3
  return hn::Add(acc, VI{_mm512_madd_epi16(w.raw, x.raw)});
#else  // NEON
  const int32x4_t low = vmull_s16(vget_low_s16(w.raw), vget_low_s16(x.raw));
  return hn::Add(acc, VI{vpaddq_s32(low, vmull_high_s16(w.raw, x.raw))});
#endif
}

HWY_INLINE VS broadcast_pair(const std::int8_t* x) {
  std::int32_t pair;
  std::memcpy(&pair, x, 4);
  return hn::BitCast(S(), hn::Set(I(), pair));
}

HWY_INLINE VUS load_words(const std::byte* p) {
  return hn::LoadU(US(), reinterpret_cast<const std::uint16_t*>(p));
}

HWY_INLINE VF load_f16(const std::byte* p) {
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(F(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
}

// Asks for the same place in the next panel while this one is worked on: weights come in order, from memory.
HWY_INLINE void prefetch_next(const std::byte* p, std::ptrdiff_t panel, int bytes) {
  for (int line = 0; line < bytes; line += 64) __builtin_prefetch(p + panel + line);
}

// The weights of a block and a vector of outputs as pairs: visit(i, w) for each i in [0, 16), w to be
// multiplied with pair i of the activations (QuantForm::words: in each four k the pairs are (0, 2) and (1,
// 3), which is how 16-bit shifts take bytes and nibbles apart).
struct BlockQ8_0 {
  static constexpr int kBytes = 512;
  template <typename Visit>
  static HWY_INLINE void unpack(const std::byte* quants, const Visit& visit) {
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) {
      const VS bytes = hn::BitCast(S(), load_words(quants + g * kPairBytes));
      visit(2 * g, hn::ShiftRight<8>(hn::ShiftLeft<8>(bytes)));
      visit(2 * g + 1, hn::ShiftRight<8>(bytes));
    }
  }
};

template <int kOffset>
struct BlockQ4 {
  static constexpr int kBytes = 256;
  template <typename Visit>
  static HWY_INLINE void unpack(const std::byte* quants, const Visit& visit) {
    const VUS mask = hn::Set(US(), 15);
#pragma GCC unroll 16
    for (int g = 0; g < 4; ++g) {
      const VUS nibbles = load_words(quants + g * kPairBytes);
      visit(2 * g, weight(hn::And(nibbles, mask)));
      visit(2 * g + 1, weight(hn::And(hn::ShiftRight<8>(nibbles), mask)));
      visit(2 * g + 8, weight(hn::And(hn::ShiftRight<4>(nibbles), mask)));
      visit(2 * g + 9, weight(hn::ShiftRight<12>(nibbles)));
    }
  }

 private:
  static HWY_INLINE VS weight(VUS nibble) {
    const VS w = hn::BitCast(S(), nibble);
    return kOffset == 0 ? w : hn::Sub(w, hn::Set(S(), kOffset));
  }
};
using BlockQ4_0 = BlockQ4<8>;
using BlockQ4_1 = BlockQ4<0>;

// A panel's weights in one group, unpacked.
struct UnpackedGroup {
  alignas(64) std::int16_t pairs[kBlocksInGroup][kPairs][kPanel][2];
  alignas(64) float scales[kBlocksInGroup][kPanel];
  int blocks = 0;

  template <typename Block>
  HWY_INLINE void unpack(const std::byte* quants, const std::byte* packed_scales, int count,
                         std::ptrdiff_t next_panel) {
    blocks = count;
    prefetch_next(packed_scales, next_panel, count * kPanel * 2);
    for (int b = 0; b < count; ++b) {
      prefetch_next(quants + b * Block::kBytes, next_panel, Block::kBytes);
      for (int lane = 0; lane < kPanel; lane += kLanes) {
        Block::unpack(quants + b * Block::kBytes + lane * 4,
                      [&](int i, VS w) { hn::Store(w, S(), &pairs[b][i][lane][0]); });
        store(load_f16(packed_scales + (b * kPanel + lane) * 2), scales[b] + lane);
      }
    }
  }
};

// Adds one group to acc [rows][16]: kTileVectors vectors of outputs from `lane` on, R rows.
struct GroupTile {
  const UnpackedGroup& weights;
  int lane;
  const std::int8_t* values;    // of the group's first block and the tile block's first row
  std::ptrdiff_t block_stride;  // bytes from one block's values to the next one's
  const float* scales;          // dx of the group [rows]
  float* acc;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    constexpr int V = kTileVectors;
    HWY_ALIGN float t[R][V * kLanes];  // in memory: the registers are for the integers
    for (int b = 0; b < weights.blocks; ++b) {
      const std::int8_t* x = values + b * block_stride + first_row * kBlockBytes;
      VI isum[R][V];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) isum[r][v] = hn::Zero(I());
      }
#pragma GCC unroll 4
      for (int i = 0; i < kPairs; ++i) {
        VS w[V];
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) w[v] = hn::Load(S(), &weights.pairs[b][i][lane + v * kLanes][0]);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const VS pair = broadcast_pair(x + r * kBlockBytes + 4 * i);
#pragma GCC unroll 16
          for (int v = 0; v < V; ++v) isum[r][v] = add_pairs(isum[r][v], w[v], pair);
        }
      }
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        const VF scale = hn::Load(F(), weights.scales[b] + lane + v * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const VF before = b == 0 ? hn::Zero(F()) : hn::Load(F(), t[r] + v * kLanes);
          hn::Store(hn::MulAdd(scale, hn::ConvertTo(F(), isum[r][v]), before), F(), t[r] + v * kLanes);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VF dx = splat(scales[first_row + r]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        float* to = acc + (first_row + r) * kPanel + lane + v * kLanes;
        store(hn::MulAdd(dx, hn::Load(F(), t[r] + v * kLanes), load(to)), to);
      }
    }
  }
};

// acc + the chain of the minima: one vector of outputs, R rows.
struct MinimaTile {
  const std::byte* minima;  // [blocks][16] f16, from the vector's first lane on
  const QuantizedRows& x;
  int row_begin;
  float* acc;  // [rows][16], from the vector's first lane on

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF chain[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) chain[r] = hn::Zero(F());
    const float* scaled_sums = x.scaled_sums + row_begin + first_row;
    for (int b = 0; b < x.blocks(); ++b, scaled_sums += x.rows) {
      const VF minimum = load_f16(minima + b * kPanel * 2);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) chain[r] = hn::MulAdd(minimum, splat(scaled_sums[r]), chain[r]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* to = acc + (first_row + r) * kPanel;
      store(hn::Add(load(to), chain[r]), to);
    }
  }
};

HWY_INLINE void store_outputs(const float* acc, int outputs, float* out) {  // 16 of a row
  for (int lane = 0; lane < outputs; lane += kLanes) {
    const VF value = canonical(load(acc + lane));
    if (outputs - lane >= kLanes) {
      store(value, out + lane);
    } else {
      store_first(value, outputs - lane, out + lane);
    }
  }
}

// One panel and the rows [begin, end) of x.
template <typename Block, bool kHasMinima>
void many_rows(const std::byte* panel, const std::byte* scales, std::ptrdiff_t next_panel, int outputs,
               const QuantizedRows& x, int begin, int end, float* out, std::ptrdiff_t out_stride) {
  HWY_ALIGN float acc[kRowBlock * kPanel];
  const int rows = end - begin;
  std::memset(acc, 0, rows * kPanel * sizeof(float));
  UnpackedGroup group;
  for (int g = 0; g < x.groups(); ++g) {
    const int first = g * kBlocksInGroup;
    group.unpack<Block>(panel + first * Block::kBytes, scales + first * kPanel * 2,
                        HWY_MIN(kBlocksInGroup, x.blocks() - first), next_panel);
    for (int lane = 0; lane < kPanel; lane += kTileVectors * kLanes) {
      const GroupTile tile{group,
                           lane,
                           x.values + (static_cast<std::ptrdiff_t>(first) * x.rows + begin) * kBlockBytes,
                           static_cast<std::ptrdiff_t>(x.rows) * kBlockBytes,
                           x.scales + static_cast<std::ptrdiff_t>(g) * x.rows + begin,
                           acc};
      for_row_tiles<kTileRowsQ>(tile, rows);
    }
  }
  if constexpr (kHasMinima) {
    const std::byte* minima = scales + x.blocks() * kPanel * 2;
    for (int lane = 0; lane < kPanel; lane += kLanes) {
      for_row_tiles<kMinimaRows>(MinimaTile{minima + lane * 2, x, begin, acc + lane}, rows);
    }
  }
  for (int r = 0; r < rows; ++r) store_outputs(acc + r * kPanel, outputs, out + (begin + r) * out_stride);
}

// kTileVectors vectors of outputs, R rows from 0 on. Pointers are at the first lane. Both vectors at once, so
// that the panel is read in one stream.
template <typename Block, bool kHasMinima>
struct DirectTile {
  static constexpr int V = kTileVectors;
  const std::byte* quants;
  const std::byte* scales;
  std::ptrdiff_t next_panel;
  const QuantizedRows& x;
  float* out;
  std::ptrdiff_t out_stride;
  int outputs;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R][V], chain[R][V];
    set_zero(acc);
    set_zero(chain);
    for (int g = 0; g < x.groups(); ++g) {
      VF t[R][V];
      set_zero(t);
      const int end = HWY_MIN((g + 1) * kBlocksInGroup, x.blocks());
      for (int b = g * kBlocksInGroup; b < end; ++b) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
        const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * Block::kBytes;
        prefetch_next(block, next_panel, Block::kBytes);
        prefetch_next(scales + b * kPanel * 2, next_panel, 1);
        if constexpr (kHasMinima) prefetch_next(scales + (x.blocks() + b) * kPanel * 2, next_panel, 1);
        VI isum[R][V];
        sum_block(block, x.values + at * kBlockBytes, isum);
        add_scaled(scales + b * kPanel * 2, isum, t);
        if constexpr (kHasMinima) add_minima(b, x.scaled_sums + at, chain);
      }
      const float* dx = x.scales + static_cast<std::ptrdiff_t>(g) * x.rows + first_row;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) acc[r][v] = hn::MulAdd(splat(dx[r]), t[r][v], acc[r][v]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        if constexpr (kHasMinima) acc[r][v] = hn::Add(acc[r][v], chain[r][v]);
        const int rest = outputs - v * kLanes;
        float* to = out + (first_row + r) * out_stride + v * kLanes;
        if (rest >= kLanes) {
          store(canonical(acc[r][v]), to);
        } else if (rest > 0) {
          store_first(canonical(acc[r][v]), rest, to);
        }
      }
    }
  }

 private:
  template <int R>
  static HWY_INLINE void set_zero(VF (&values)[R][V]) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) values[r][v] = hn::Zero(F());
    }
  }

  template <int R>
  static HWY_INLINE void sum_block(const std::byte* block, const std::int8_t* values, VI (&isum)[R][V]) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) isum[r][v] = hn::Zero(I());
    }
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      Block::unpack(block + v * kLanes * 4, [&](int i, VS w) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          isum[r][v] = add_pairs(isum[r][v], w, broadcast_pair(values + r * kBlockBytes + 4 * i));
        }
      });
    }
  }

  template <int R>
  static HWY_INLINE void add_scaled(const std::byte* block_scales, const VI (&isum)[R][V], VF (&t)[R][V]) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VF scale = load_f16(block_scales + v * kLanes * 2);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r][v] = hn::MulAdd(scale, hn::ConvertTo(F(), isum[r][v]), t[r][v]);
    }
  }

  template <int R>
  HWY_INLINE void add_minima(int block, const float* scaled_sums, VF (&chain)[R][V]) const {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VF minimum = load_f16(scales + ((x.blocks() + block) * kPanel + v * kLanes) * 2);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) chain[r][v] = hn::MulAdd(minimum, splat(scaled_sums[r]), chain[r][v]);
    }
  }
};

template <typename Block, bool kHasMinima>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(w.type, w.depth), scales = quants_bytes(w.type, w.depth);
  // Blocks of rows outside, so that their activations stay in the L2 cache while the panels pass.
  for_row_blocks(task.rows, kBlockBytes * w.blocks(), [&](int begin, int end) {
    for (int p = task.panel_begin; p < task.panel_end; ++p) {
      const std::byte* panel = w.data + p * stride;
      const int outputs = HWY_MIN(kPanel, w.outputs - p * kPanel);
      float* out = task.out + p * kPanel;
      if (task.rows > kDirectRows) {
        many_rows<Block, kHasMinima>(panel, panel + scales, stride, outputs, x, begin, end, out,
                                     task.out_stride);
        continue;
      }
      for (int lane = 0; lane < outputs; lane += kTileVectors * kLanes) {
        const DirectTile<Block, kHasMinima> tile{panel + lane * 4,
                                                 panel + scales + lane * 2,
                                                 static_cast<std::ptrdiff_t>(stride),
                                                 x,
                                                 out + lane,
                                                 task.out_stride,
                                                 outputs - lane};
        for_row_tiles<kDirectRows>(tile, task.rows);
      }
    }
  });
}

}  // namespace

void use_matmul_q(KernelTable& table) {
  table.quant_form = QuantForm::words;
  table.matmul_q[static_cast<int>(TensorType::q8_0)] = matmul<BlockQ8_0, false>;
  table.matmul_q[static_cast<int>(TensorType::q4_0)] = matmul<BlockQ4_0, false>;
  table.matmul_q[static_cast<int>(TensorType::q4_1)] = matmul<BlockQ4_1, true>;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
