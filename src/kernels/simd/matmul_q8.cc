// Same bits as ref/matmul_q.cc, with 8-bit activations: products of unsigned and signed bytes, added in pairs
// to 16 bits (vpmaddubsw; vmull and a pairwise add on NEON), and several of those before they are widened: as
// many fours of k as cannot overflow. The biased weights of 8 bits are two planes of 4. Lanes are outputs.
// The sum in a block is exact, so any of this gives the same.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_q8.cc"
#include "hwy/foreach_target.h"  // must come first

#include <bit>

#include "kernels/simd/quant_outputs.h"
#include "kernels/simd/quants.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

using B = hn::Repartition<std::int8_t, I>;
using UB = hn::Repartition<std::uint8_t, I>;
using VB = hn::Vec<B>;
using VUB = hn::Vec<UB>;

constexpr int kBlocksInGroup = kGroup / kBlock;  // unpacked at a time
constexpr int kDirectRows = 2;                   // up to here unpacking into a buffer does not pay
constexpr int kTileVectors = kVectors < 2 ? kVectors : 2;
constexpr int kTileRowsQ8 = kTileVectors == 1 ? 8 : 4;
constexpr int kQuads = kBlock / 4;

// How the integers of a type are multiplied.
struct Bytes {
  int planes;  // integer + bias = plane 0 + 16 · plane 1
  int bias;
  int quads;  // whose products a sum of 16 bits can hold
  int scaled;
};
template <TensorType kType>
constexpr Bytes bytes_of() {
  constexpr QuantLayout kLayout = quant_layout(kType);
  constexpr bool kTwo = kLayout.bits == 8 || kLayout.codebook;
  constexpr int kHighest = kTwo ? 15 : (1 << kLayout.bits) - 1;
  constexpr int kFit = 32767 / (2 * kHighest * 127);
  constexpr int kInScale = kLayout.scaled / 4;
  return {kTwo ? 2 : 1, kTwo ? 128 : kLayout.offset, kFit < kInScale ? kFit : kInScale, kLayout.scaled};
}

// acc += w[0] · x[0] + w[1] · x[1] in each 16 bits. The sum is hidden from gcc 12, which would reorder it.
HWY_INLINE VS add_products(VS acc, VUB w, VB x) {
#if HWY_TARGET == HWY_AVX2
  acc = hn::Add(acc, VS{_mm256_maddubs_epi16(w.raw, x.raw)});
  asm("" : "+v"(acc.raw));
#elif HWY_TARGET == HWY_AVX3
  acc = hn::Add(acc, VS{_mm512_maddubs_epi16(w.raw, x.raw)});
  asm("" : "+v"(acc.raw));
#else  // NEON; no weight here has bit 7
  const int8x16_t signed_w = vreinterpretq_s8_u8(w.raw);
  const int16x8_t low = vmull_s8(vget_low_s8(signed_w), vget_low_s8(x.raw));
  acc = hn::Add(acc, VS{vpaddq_s16(low, vmull_high_s8(signed_w, x.raw))});
  asm("" : "+w"(acc.raw));
#endif
  return acc;
}

HWY_INLINE VI widen_pairs(VS v) {
#if HWY_TARGET == HWY_AVX2
  return VI{_mm256_madd_epi16(v.raw, _mm256_set1_epi16(1))};
#elif HWY_TARGET == HWY_AVX3
  return VI{_mm512_madd_epi16(v.raw, _mm512_set1_epi16(1))};
#else
  return VI{vpaddlq_s16(v.raw)};
#endif
}

HWY_INLINE VB broadcast_quad(const std::int8_t* x) {
  std::int32_t quad;
  std::memcpy(&quad, x, 4);
  return hn::BitCast(B(), hn::Set(I(), quad));
}

// Plane kPart of the biased integers of four k. `quants` is at the first output.
template <TensorType kType, int kPart, int kQuad>
HWY_INLINE VUB plane_of_quad(const std::byte* quants) {
  constexpr QuantLayout kLayout = quant_layout(kType);
  VUS bytes;
  if constexpr (kLayout.bits == 8) {
    bytes = hn::Xor(load_words(quants + kQuad * kPairBytes), hn::Set(US(), 0x8080));
  } else if constexpr (kLayout.codebook) {
    const auto indices = hn::BitCast(B(), stored_quad<4, kQuad>(quants));
    const auto codebook = hn::LoadDup128(B(), kIq4Codebook.data());
    bytes = hn::Xor(hn::BitCast(US(), hn::TableLookupBytes(codebook, indices)), hn::Set(US(), 0x8080));
  } else {
    return hn::BitCast(UB(), stored_quad<kLayout.bits, kQuad>(quants));
  }
  if constexpr (kPart == 1) bytes = hn::ShiftRight<4>(bytes);
  return hn::BitCast(UB(), hn::And(bytes, hn::Set(US(), 0x0f0f)));
}

// The weights of up to four blocks of a panel, unpacked.
template <Bytes kBytes>
struct UnpackedBlocks {
  alignas(64) std::uint8_t quads[kBlocksInGroup][kBytes.planes][kQuads][kPanel][4];
  alignas(64) float scales[kGroup / kBytes.scaled][kPanel];

  template <TensorType kType>
  HWY_INLINE void unpack(const std::byte* panel, const Scales<kType>& packed, int first, int blocks,
                         std::ptrdiff_t next_panel) {
    for (int b = 0; b < blocks; ++b) {
      const std::byte* quants = panel + static_cast<std::ptrdiff_t>(first + b) * quants_of_block<kType>();
      prefetch_next(quants, next_panel, quants_of_block<kType>());
      for (int lane = 0; lane < kPanel; lane += kLanes) {
        unpack_planes<kType>(quants + lane * 4, b, lane, std::make_integer_sequence<int, kQuads>());
      }
    }
    constexpr int kParts = kBlock / kBytes.scaled;
    for (int i = 0; i < blocks * kParts; ++i) {
      packed.prefetch(first * kParts + i, next_panel);
      for (int lane = 0; lane < kPanel; lane += kLanes) {
        hn::Store(packed.scale(first * kParts + i, lane), F(), scales[i] + lane);
      }
    }
  }

  // What a tile reads: vectors from `lane` on.
  template <int kPlane, int kQuad>
  HWY_INLINE VUB weights(int b, int lane) const {
    return hn::Load(UB(), &quads[b][kPlane][kQuad][lane][0]);
  }
  HWY_INLINE VF scale(int b, int part, int lane) const {
    return hn::Load(F(), scales[b * (kBlock / kBytes.scaled) + part] + lane);
  }

 private:
  template <TensorType kType, int... kQuad>
  HWY_INLINE void unpack_planes(const std::byte* quants, int b, int lane,
                                std::integer_sequence<int, kQuad...>) {
    (hn::Store(plane_of_quad<kType, 0, kQuad>(quants), UB(), &quads[b][0][kQuad][lane][0]), ...);
    if constexpr (kBytes.planes == 2) {
      (hn::Store(plane_of_quad<kType, 1, kQuad>(quants), UB(), &quads[b][1][kQuad][lane][0]), ...);
    }
  }
};

// The same blocks as they lie, for few rows.
template <TensorType kType>
struct PackedBlocks {
  const std::byte* panel;
  const Scales<kType>& packed;
  int first;

  template <int kPlane, int kQuad>
  HWY_INLINE VUB weights(int b, int lane) const {
    const std::byte* quants = panel + static_cast<std::ptrdiff_t>(first + b) * quants_of_block<kType>();
    return plane_of_quad<kType, kPlane, kQuad>(quants + lane * 4);
  }
  HWY_INLINE VF scale(int b, int part, int lane) const {
    return packed.scale((first + b) * (kBlock / quant_layout(kType).scaled) + part, lane);
  }
};

// Adds up to four blocks to acc [rows][16]: kTileVectors vectors of outputs from `lane` on, R rows.
template <Bytes kBytes, typename Weights>
struct BlocksTile {
  const Weights& source;
  int blocks;
  int lane;
  const QuantizedRows& x;  // from the tile block's first row on
  int first;               // block of x that is block 0 here
  float* acc;
  static constexpr int V = kTileVectors, kParts = kBlock / kBytes.scaled;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    // Read once: the compiler must suppose that stores of vectors change what x holds.
    const std::ptrdiff_t rows = x.rows, at = first * rows + first_row;
    const std::int8_t* values = x.values + at * kBlock;
    const float* scales = x.scales + at;
    const std::int32_t* sums = (kParts == 1 ? x.sums : x.half_sums) + first * kParts * rows + first_row;
    float* to = acc + first_row * kPanel + lane;
    for (int b = 0; b < blocks; ++b, values += rows * kBlock, scales += rows, sums += kParts * rows) {
      VF t[R][V];
      add_part<0>(b, values, sums, t);
      if constexpr (kParts == 2) add_part<1>(b, values, sums + rows, t);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const VF dx = splat(scales[r]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          float* sum = to + r * kPanel + v * kLanes;
          store(hn::MulAdd(dx, t[r][v], load(sum)), sum);
        }
      }
    }
  }

 private:
  // t = fma(scale, float(isum), t) of part kPart, t from 0.
  template <int kPart, int R>
  HWY_INLINE void add_part(int b, const std::int8_t* values, const std::int32_t* sums, VF (&t)[R][V]) const {
    VI isum[R][V];
    constexpr int kBegin = kPart * kBytes.scaled / 4, kEnd = kBegin + kBytes.scaled / 4;
    add_runs<0, kBegin, kEnd, /*kFirst=*/true>(b, values, isum);
    if constexpr (kBytes.planes == 2) add_runs<1, kBegin, kEnd, /*kFirst=*/false>(b, values, isum);
    if constexpr (kBytes.bias != 0) {
      constexpr int kShift = std::countr_zero(static_cast<unsigned>(kBytes.bias));
      static_assert(kBytes.bias == 1 << kShift);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const VI biases = hn::ShiftLeft<kShift>(hn::Set(I(), sums[r]));
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) isum[r][v] = hn::Sub(isum[r][v], biases);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const VF scale = source.scale(b, kPart, lane + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const VF before = kPart == 0 ? hn::Zero(F()) : t[r][v];
        t[r][v] = hn::MulAdd(scale, hn::ConvertTo(F(), isum[r][v]), before);
      }
    }
  }

  // Quads [kBegin, kEnd) of a plane, in runs that a sum of 16 bits can hold. The first sets isum: until then
  // the registers are for the run.
  template <int kPlane, int kBegin, int kEnd, bool kFirst, int R>
  HWY_INLINE void add_runs(int b, const std::int8_t* values, VI (&isum)[R][V]) const {
    VS run[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) run[r][v] = hn::Zero(S());
    }
    add_quads<kPlane, kBegin>(b, values, run, std::make_integer_sequence<int, kBytes.quads>());
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const VI pairs = widen_pairs(run[r][v]);
        const VI sum = kPlane == 1 ? hn::ShiftLeft<4>(pairs) : pairs;
        isum[r][v] = kFirst ? sum : hn::Add(isum[r][v], sum);
      }
    }
    if constexpr (kBegin + kBytes.quads < kEnd) {
      add_runs<kPlane, kBegin + kBytes.quads, kEnd, /*kFirst=*/false>(b, values, isum);
    }
  }

  template <int kPlane, int kBegin, int R, int... kQuad>
  HWY_INLINE void add_quads(int b, const std::int8_t* values, VS (&run)[R][V],
                            std::integer_sequence<int, kQuad...>) const {
    (add_quad<kPlane, kBegin + kQuad>(b, values, run), ...);
  }
  template <int kPlane, int kQuad, int R>
  HWY_INLINE void add_quad(int b, const std::int8_t* values, VS (&run)[R][V]) const {
    VUB w[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) w[v] = source.template weights<kPlane, kQuad>(b, lane + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const VB q = broadcast_quad(values + r * kBlock + 4 * kQuad);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) run[r][v] = add_products(run[r][v], w[v], q);
    }
  }
};

// One for all types that are multiplied alike.
template <Bytes kBytes>
void add_blocks(BlocksTile<kBytes, UnpackedBlocks<kBytes>> tile, int rows) {
  for_row_tiles<kTileRowsQ8>(tile, rows);
}

// One panel, the first `rows` rows of x and some of its groups of kBlocksInGroup blocks.
template <TensorType kType>
void multiply_panel(const std::byte* panel, std::ptrdiff_t next_panel, const PackedMatrix& matrix,
                    int outputs, const QuantizedRows& x, int rows, GroupRange groups, float* out,
                    std::ptrdiff_t out_stride) {
  constexpr Bytes kBytes = bytes_of<kType>();
  HWY_ALIGN float acc[kRowBlock * kPanel];
  std::memset(acc, 0, rows * kPanel * sizeof(float));
  if (!groups.is_first()) load_sums(out, out_stride, outputs, rows, acc);
  const Scales<kType> scales(panel + quants_bytes(kType, matrix.depth), matrix.depth);
  UnpackedBlocks<kBytes> unpacked;
  for (int g = groups.begin; g < groups.end; ++g) {
    const int first = g * kBlocksInGroup;
    const int blocks = HWY_MIN(kBlocksInGroup, x.blocks() - first);
    if (rows > kDirectRows) {
      unpacked.template unpack<kType>(panel, scales, first, blocks, next_panel);
      for (int lane = 0; lane < kPanel; lane += kTileVectors * kLanes) {
        add_blocks<kBytes>({unpacked, blocks, lane, x, first, acc}, rows);
      }
    } else {
      for (int b = first; b < first + blocks; ++b) {
        prefetch_next(panel + static_cast<std::ptrdiff_t>(b) * quants_of_block<kType>(), next_panel,
                      quants_of_block<kType>());
        scales.prefetch(b * (kBlock / kBytes.scaled), next_panel);
      }
      const PackedBlocks<kType> packed{panel, scales, first};
      for (int lane = 0; lane < kPanel; lane += kTileVectors * kLanes) {
        const BlocksTile<kBytes, PackedBlocks<kType>> tile{packed, blocks, lane, x, first, acc};
        for_row_tiles<kDirectRows>(tile, rows);
      }
    }
  }
  if (!groups.is_last()) return store_sums(acc, outputs, rows, out, out_stride);
  if constexpr (quant_layout(kType).minima) {
    for (int lane = 0; lane < kPanel; lane += kLanes) {
      for_row_tiles<kMinimaRows>(MinimaTile<kType>{scales, lane, x, 0, acc}, rows);
    }
  }
  for (int r = 0; r < rows; ++r) store_outputs(acc + r * kPanel, outputs, out + r * out_stride);
}

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  const auto multiply_block = [&](int begin, int end, GroupRange groups) {
    const QuantizedRows block = x.from(begin);
    for (int p = task.panel_begin; p < task.panel_end; ++p) {
      multiply_panel<kType>(w.data + p * stride, stride, w, HWY_MIN(kPanel, w.outputs - p * kPanel), block,
                            end - begin, groups, task.out + begin * task.out_stride + p * kPanel,
                            task.out_stride);
    }
  };
  for_row_and_depth_blocks(task.rows, x.groups(), kBlock * kBlocksInGroup, multiply_block);
}

template <std::size_t... kTypes>
void use_for_all(KernelTable& table, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  ((table.matmul_q8[kFirst + kTypes] = matmul<static_cast<TensorType>(kFirst + kTypes)>), ...);
}

}  // namespace

void use_matmul_q8(KernelTable& table) {
  use_for_all(table, std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>());
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
