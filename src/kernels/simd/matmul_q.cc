// Same bits as ref/matmul_q.cc. In a block the int32 sum is exact, so any instruction will do: here products
// of 16-bit integers, added in pairs (vpmaddwd; vmull and a pairwise add on NEON). Lanes are outputs. Many
// rows share weights that are unpacked once into a buffer; one or two rows take them straight from the panel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_q.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/quant_outputs.h"
#include "kernels/simd/quants.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kBlocksInGroup = kGroup / kBlock;
constexpr int kDirectRows = 2;  // up to here unpacking into a buffer does not pay
constexpr int kTileVectors = kVectors < 2 ? kVectors : 2;
constexpr int kTileRowsQ = kTileVectors == 1 ? 8 : 4;  // what the registers hold (see docs/decisions/0003)

// acc += w[0] · x[0] + w[1] · x[1] in each lane. gcc 12 would add in an order of its own, with all the
// products in memory, if it could see what is added.
HWY_INLINE VI add_pairs(VI acc, VS w, VS x) {
#if HWY_TARGET == HWY_AVX2
  acc = hn::Add(acc, VI{_mm256_madd_epi16(w.raw, x.raw)});
  asm("" : "+v"(acc.raw));
#elif HWY_TARGET == HWY_AVX3
  acc = hn::Add(acc, VI{_mm512_madd_epi16(w.raw, x.raw)});
  asm("" : "+v"(acc.raw));
#else  // NEON
  const int32x4_t low = vmull_s16(vget_low_s16(w.raw), vget_low_s16(x.raw));
  acc = hn::Add(acc, VI{vpaddq_s32(low, vmull_high_s16(w.raw, x.raw))});
  asm("" : "+w"(acc.raw));
#endif
  return acc;
}

HWY_INLINE VS broadcast_pair(const std::int8_t* x) {
  std::int32_t pair;
  std::memcpy(&pair, x, 4);
  return hn::BitCast(S(), hn::Set(I(), pair));
}

constexpr int half_of_pair(int pair) { return pair / (kPairs / 2); }

// A panel's weights in one group, unpacked.
struct UnpackedGroup {
  alignas(64) std::int16_t pairs[kBlocksInGroup][kPairs][kPanel][2];
  alignas(64) float scales[kGroup / 16][kPanel];
  int blocks = 0;

  template <TensorType kType>
  HWY_INLINE void unpack(const std::byte* panel, const PackedMatrix& matrix, int group,
                         std::ptrdiff_t next_panel) {
    constexpr int kScaled = quant_layout(kType).scaled;
    const int first = group * kBlocksInGroup;
    blocks = HWY_MIN(kBlocksInGroup, matrix.blocks() - first);
    for (int b = 0; b < blocks; ++b) {
      const std::byte* quants = panel + static_cast<std::ptrdiff_t>(first + b) * quants_of_block<kType>();
      prefetch_next(quants, next_panel, quants_of_block<kType>());
      for (int lane = 0; lane < kPanel; lane += kLanes) {
        unpack_block<kType>(quants + lane * 4,
                            [&](int i, VS w) { hn::Store(w, S(), &pairs[b][i][lane][0]); });
      }
    }
    const Scales<kType> packed(panel + quants_bytes(kType, matrix.depth), matrix.depth);
    for (int i = 0; i < blocks * (kBlock / kScaled); ++i) {
      const int at = group * (kGroup / kScaled) + i;
      packed.prefetch(at, next_panel);
      for (int lane = 0; lane < kPanel; lane += kLanes) store(packed.scale(at, lane), scales[i] + lane);
    }
  }
};

// Adds one group to acc [rows][16]: kTileVectors vectors of outputs from `lane` on, R rows. kScaled values
// share a scale.
template <int kScaled>
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
#pragma GCC unroll 2
      for (int part = 0; part < kBlock / kScaled; ++part) {
        add<R>(b, part, x + part * (kBlockBytes / 2), t);
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

 private:
  // The weights of one scale: part `part` of block b.
  template <int R>
  HWY_INLINE void add(int b, int part, const std::int8_t* x, float (&t)[R][kTileVectors * kLanes]) const {
    constexpr int V = kTileVectors;
    VI isum[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) isum[r][v] = hn::Zero(I());
    }
#pragma GCC unroll 16
    for (int i = 0; i < kScaled / 2; ++i) {
      VS w[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        w[v] = hn::Load(S(), &weights.pairs[b][part * (kScaled / 2) + i][lane + v * kLanes][0]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const VS pair = broadcast_pair(x + r * kBlockBytes + 4 * i);
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) isum[r][v] = add_pairs(isum[r][v], w[v], pair);
      }
    }
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VF scale = hn::Load(F(), weights.scales[b * (kBlock / kScaled) + part] + lane + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const VF before = b + part == 0 ? hn::Zero(F()) : hn::Load(F(), t[r] + v * kLanes);
        hn::Store(hn::MulAdd(scale, hn::ConvertTo(F(), isum[r][v]), before), F(), t[r] + v * kLanes);
      }
    }
  }
};

// One panel, the rows [begin, end) of x and some of its groups; out is that of row `begin`.
template <TensorType kType>
void many_rows(const std::byte* panel, std::ptrdiff_t next_panel, const PackedMatrix& matrix, int outputs,
               const QuantizedRows& x, int begin, int end, GroupRange groups, float* out,
               std::ptrdiff_t out_stride) {
  constexpr QuantLayout kLayout = quant_layout(kType);
  HWY_ALIGN float acc[kRowBlock * kPanel];
  const int rows = end - begin;
  std::memset(acc, 0, rows * kPanel * sizeof(float));
  if (!groups.is_first()) load_sums(out, out_stride, outputs, rows, acc);
  UnpackedGroup group;
  for (int g = groups.begin; g < groups.end; ++g) {
    group.unpack<kType>(panel, matrix, g, next_panel);
    for (int lane = 0; lane < kPanel; lane += kTileVectors * kLanes) {
      const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(g) * kBlocksInGroup * x.rows + begin;
      const GroupTile<kLayout.scaled> tile{group,
                                           lane,
                                           x.values + first * kBlockBytes,
                                           static_cast<std::ptrdiff_t>(x.rows) * kBlockBytes,
                                           x.scales + static_cast<std::ptrdiff_t>(g) * x.rows + begin,
                                           acc};
      for_row_tiles<kTileRowsQ>(tile, rows);
    }
  }
  if (!groups.is_last()) return store_sums(acc, outputs, rows, out, out_stride);
  if constexpr (kLayout.minima) {
    const Scales<kType> scales(panel + quants_bytes(kType, matrix.depth), matrix.depth);
    for (int lane = 0; lane < kPanel; lane += kLanes) {
      for_row_tiles<kMinimaRows>(MinimaTile<kType>{scales, lane, x, begin, acc}, rows);
    }
  }
  for (int r = 0; r < rows; ++r) store_outputs(acc + r * kPanel, outputs, out + r * out_stride);
}

// kTileVectors vectors of outputs from `lane` on, R rows from 0 on. quants and out are at the first one. Both
// vectors at once, so that the panel is read in one stream.
template <TensorType kType>
struct DirectTile {
  static constexpr QuantLayout kLayout = quant_layout(kType);
  static constexpr int V = kTileVectors, kScaled = kLayout.scaled, kParts = kBlock / kScaled;
  const std::byte* quants;
  const Scales<kType>& scales;
  int lane;
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
        const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * quants_of_block<kType>();
        prefetch_next(block, next_panel, quants_of_block<kType>());
        scales.prefetch(b * kParts, next_panel);
        VI isum[kParts][R][V];
        sum_block(block, x.values + at * kBlockBytes, isum);
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part) {
          add_scaled(b * kParts + part, isum[part], t);
          if constexpr (kLayout.minima) add_minima(b * kParts + part, first_row, chain);
        }
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
        if constexpr (kLayout.minima) acc[r][v] = hn::Add(acc[r][v], chain[r][v]);
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
  static HWY_INLINE void sum_block(const std::byte* block, const std::int8_t* values,
                                   VI (&isum)[kParts][R][V]) {
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) isum[part][r][v] = hn::Zero(I());
      }
    }
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      unpack_block<kType>(block + v * kLanes * 4, [&](int i, VS w) {
        VI(&sums)[R][V] = isum[kParts == 1 ? 0 : half_of_pair(i)];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          sums[r][v] = add_pairs(sums[r][v], w, broadcast_pair(values + r * kBlockBytes + 4 * i));
        }
      });
    }
  }

  template <int R>
  HWY_INLINE void add_scaled(int i, const VI (&isum)[R][V], VF (&t)[R][V]) const {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VF scale = scales.scale(i, lane + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r][v] = hn::MulAdd(scale, hn::ConvertTo(F(), isum[r][v]), t[r][v]);
    }
  }

  template <int R>
  HWY_INLINE void add_minima(int i, int first_row, VF (&chain)[R][V]) const {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const VF minimum = scales.minimum(i, lane + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        chain[r][v] = hn::MulAdd(minimum, splat(scaled_sum<kScaled>(x, i, first_row + r)), chain[r][v]);
      }
    }
  }
};

template <TensorType kType>
void few_rows(const std::byte* panel, std::ptrdiff_t next_panel, const PackedMatrix& matrix, int outputs,
              const QuantizedRows& x, int rows, float* out, std::ptrdiff_t out_stride) {
  const Scales<kType> scales(panel + quants_bytes(kType, matrix.depth), matrix.depth);
  for (int lane = 0; lane < outputs; lane += kTileVectors * kLanes) {
    const DirectTile<kType> tile{panel + lane * 4, scales,     lane,          next_panel, x,
                                 out + lane,       out_stride, outputs - lane};
    for_row_tiles<kDirectRows>(tile, rows);
  }
}

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  const auto for_panels = [&](const auto& multiply) {
    for (int p = task.panel_begin; p < task.panel_end; ++p) {
      multiply(w.data + p * stride, HWY_MIN(kPanel, w.outputs - p * kPanel), task.out + p * kPanel);
    }
  };
  if (task.rows <= kDirectRows) {
    return for_panels([&](const std::byte* panel, int outputs, float* out) {
      few_rows<kType>(panel, stride, w, outputs, x, task.rows, out, task.out_stride);
    });
  }
  const auto multiply_block = [&](int begin, int end, GroupRange groups) {
    for_panels([&](const std::byte* panel, int outputs, float* out) {
      many_rows<kType>(panel, stride, w, outputs, x, begin, end, groups, out + begin * task.out_stride,
                       task.out_stride);
    });
  };
  for_row_and_depth_blocks(task.rows, x.groups(), kBlockBytes * kBlocksInGroup, multiply_block);
}

template <std::size_t... kTypes>
void use_for_all(KernelTable& table, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  ((table.matmul_q[kFirst + kTypes] = matmul<static_cast<TensorType>(kFirst + kTypes)>), ...);
}

}  // namespace

void use_matmul_q(KernelTable& table) {
  table.few_rows_form = table.many_rows_form = QuantForm::words;
  use_for_all(table, std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>());
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
