// N-DOT-Q by vpdpbusd for many rows, on cores that begin two of them in a cycle: with an operand from memory
// for each, as in vnni.cc, such a core waits for loads and for chains. Here a tile is two panels × 8 rows,
// whose 16 sums are one chain each: what is loaded of the activations meets two panels, and the weights of a
// group are unpacked once for all rows of a block. Same bits as ref/matmul_q.cc: the sum in a block is exact,
// and one fma per block and output is left to order.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"
#include "kernels/x86/x86.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

constexpr int kTileRows = 8;
constexpr int kTilePanels = 2;
constexpr std::size_t kCacheBytes = 512 << 10;  // for the activations of a block of rows; L2 has 1 MB or more
constexpr int kBlocksInGroup = kGroup / kBlock;

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_quants-inl.h"

using Sums = float[kTilePanels][kPanel];  // a row's outputs

// How the chain of a block of this type goes.
struct Chain {
  // 16 · w fits a byte, so the chain adds 16 · w · high and w · low. Else it is Σ w · high, shifted by four
  // bits, and then Σ w · low.
  bool both_weights;
  int scaled;   // values that share a scale
  bool biased;  // weights are made unsigned by a bias; the chain starts from what cancels it
};
template <TensorType kType>
constexpr Chain chain_of() {
  constexpr QuantLayout kLayout = quant_layout(kType);
  return {kLayout.bits <= 4 && !kLayout.codebook, kLayout.scaled, unsigned_bias<kType>() != 0};
}

// The weights of one group of two panels.
template <Chain kChain>
struct Group {
  static constexpr int kParts = kBlock / kChain.scaled;  // of a block, a scale each
  static constexpr int kWeights = kChain.both_weights ? 2 : 1;
  alignas(64) std::byte weights[kBlocksInGroup][kWeights][8][kTilePanels][64];  // 16 · w, then w
  alignas(64) float scales[kBlocksInGroup * kParts][kTilePanels][kPanel];
  int blocks = 0;
  alignas(
      64) std::int32_t starts[kChain.biased ? kBlocksInGroup * kParts : 1][kRowBlock];  // of each row's chain

  template <TensorType kType>
  ISOBATCH_INLINE void unpack(int panel, const std::byte* quants, const Scales<kType>& packed_scales,
                              int first, std::ptrdiff_t next) {
    constexpr int kBytes = 64 * quant_layout(kType).bits;
    quants += static_cast<std::ptrdiff_t>(first) * kBytes;
    for (int b = 0; b < blocks; ++b, quants += kBytes) {
      for (int line = 0; line < kBytes; line += 64) prefetch(quants + next + line);
      __m512i w[8];
      unpack_block<kType, unsigned_bias<kType>()>(quants, w);
#pragma GCC unroll 16
      for (int g = 0; g < 8; ++g) {
        if constexpr (kChain.both_weights) {
          _mm512_store_si512(weights[b][0][g][panel], _mm512_slli_epi16(w[g], 4));
        }
        _mm512_store_si512(weights[b][kWeights - 1][g][panel], w[g]);
      }
    }
    for (int i = 0; i < blocks * kParts; ++i) {
      packed_scales.prefetch_scale(first * kParts + i, next);
      _mm512_store_ps(scales[i][panel], packed_scales.scale(first * kParts + i));
    }
  }

  // `sums` of the activations that share a scale: those of the first such and the first row.
  template <TensorType kType>
  ISOBATCH_INLINE void set_starts(const std::int32_t* sums, std::ptrdiff_t stride, int rows) {
    constexpr int kFactor = -unsigned_bias<kType>() / (kChain.both_weights ? 1 : 16);
    static_assert(kFactor * (kChain.both_weights ? 1 : 16) == -unsigned_bias<kType>());
    for (int i = 0; i < blocks * kParts; ++i, sums += stride) {
      for (int r = 0; r < rows; ++r) starts[i][r] = kFactor * sums[r];
    }
  }
};

// Adds one group to the rows' sums.
template <Chain kChain>
struct GroupTile {
  using Weights = Group<kChain>;
  const Weights& group;
  const std::int8_t* values;    // of the group's first block and the row block's first row
  std::ptrdiff_t block_stride;  // bytes from one block's values to the next one's
  const float* dx;              // of the group [rows]
  Sums* acc;                    // [rows]
  __mmask16 before;             // of acc's lanes: none in the first group
  const float* out;             // [rows][out_stride], where the sums will go: asked for; or null
  std::ptrdiff_t out_stride;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    alignas(64) Sums t[R];  // in memory: the registers are for the integers
    const std::int8_t* x = values + static_cast<std::ptrdiff_t>(first_row) * kBlockBytes;
    for (int b = 0; b < group.blocks; ++b, x += block_stride) {
      add<0>(b, x, first_row, t);
      if constexpr (Weights::kParts == 2) add<1>(b, x, first_row, t);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const __m512 scale = _mm512_set1_ps(dx[first_row + r]);
      if (out) prefetch(reinterpret_cast<const std::byte*>(out + (first_row + r) * out_stride));
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        float* to = acc[first_row + r][p];
        _mm512_store_ps(to,
                        _mm512_fmadd_ps(scale, _mm512_load_ps(t[r][p]), _mm512_maskz_load_ps(before, to)));
      }
    }
  }

 private:
  // The values of one scale: part kPart of block b.
  template <int kPart, int R>
  ISOBATCH_INLINE void add(int b, const std::int8_t* x, int first_row, Sums (&t)[R]) const {
    constexpr int kQuads = 8 / Weights::kParts;
    const int scale = b * Weights::kParts + kPart;
    __m512i isum[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        isum[r][p] =
            kChain.biased ? _mm512_set1_epi32(group.starts[scale][first_row + r]) : _mm512_setzero_si512();
      }
    }
#pragma GCC unroll 2
    for (int low = 0; low < 2; ++low) {
#pragma GCC unroll 16
      for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
        const auto& weights = group.weights[b][low % Weights::kWeights][g];
        const __m512i w[kTilePanels] = {_mm512_load_si512(weights[0]), _mm512_load_si512(weights[1])};
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          std::int32_t quad;
          std::memcpy(&quad, x + r * kBlockBytes + low * kBlock + 4 * g, 4);
          __m512i q = _mm512_set1_epi32(quad);
          keep_in_register(q);  // else each panel would load it for itself
#pragma GCC unroll 2
          for (int p = 0; p < kTilePanels; ++p) isum[r][p] = _mm512_dpbusd_epi32(isum[r][p], w[p], q);
        }
      }
      if (kChain.both_weights || low == 1) continue;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) isum[r][p] = _mm512_slli_epi32(isum[r][p], 4);
      }
    }
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      const __m512 s = _mm512_load_ps(group.scales[scale][p]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const __m512 before = scale == 0 ? _mm512_setzero_ps() : _mm512_load_ps(t[r][p]);
        _mm512_store_ps(t[r][p], _mm512_fmadd_ps(s, _mm512_cvtepi32_ps(isum[r][p]), before));
      }
    }
  }
};

// One for all types of this chain.
template <Chain kChain>
void add_group(const GroupTile<kChain>& tile, int rows) {
  for_row_tiles<kTileRows>(tile, rows);
}

// Panels p and p + 1, or p twice where no other is left, and the rows [begin, end) of x.
template <TensorType kType>
void multiply_panels(const MatmulTask& task, int p, const QuantizedRows& x, int begin, int end) {
  constexpr Chain kChain = chain_of<kType>();
  using Weights = Group<kChain>;
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  const std::byte* panels[kTilePanels] = {w.data + p * stride,
                                          w.data + std::min(p + 1, task.panel_end - 1) * stride};
  const std::size_t quants = quants_bytes(kType, w.depth);
  const Scales<kType> scales[kTilePanels] = {{panels[0] + quants, w.depth}, {panels[1] + quants, w.depth}};
  const std::ptrdiff_t next = kTilePanels * stride;
  const int rows = end - begin;
  float* out = task.out + begin * task.out_stride + p * kPanel;
  alignas(64) Sums acc[kRowBlock];
  Weights group;
  for (int g = 0; g < x.groups(); ++g) {
    const int first = g * kBlocksInGroup;
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(first) * x.rows + begin;
    group.blocks = std::min(kBlocksInGroup, x.blocks() - first);
    for (int i = 0; i < kTilePanels; ++i) group.template unpack<kType>(i, panels[i], scales[i], first, next);
    if constexpr (kChain.biased) {
      const std::int32_t* sums = kChain.scaled == kBlock
                                     ? x.sums + row
                                     : x.half_sums + row + static_cast<std::ptrdiff_t>(first) * x.rows;
      group.template set_starts<kType>(sums, x.rows, rows);
    }
    const bool last = g + 1 == x.groups();
    add_group(
        GroupTile<kChain>{group, x.values + row * kBlockBytes,
                          static_cast<std::ptrdiff_t>(x.rows) * kBlockBytes,
                          x.scales + static_cast<std::ptrdiff_t>(g) * x.rows + begin, acc,
                          static_cast<__mmask16>(g == 0 ? 0 : 0xffff), last ? out : nullptr, task.out_stride},
        rows);
  }
  const int count = std::min(kTilePanels, task.panel_end - p);
  const int outputs = std::min(count * kPanel, w.outputs - p * kPanel);
  const std::uint32_t mask = outputs == 32 ? ~0u : (1u << outputs) - 1;
  for_row_tiles<kTileRows>(
      OutputTile<kType, kTilePanels>{scales, next, x, begin, &acc[0][0][0], out, task.out_stride, mask},
      rows);
}

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  // Blocks of rows outside, so that their activations stay in the L2 cache while the panels pass.
  for_row_blocks(
      task.rows, kBlockBytes * task.weights.blocks(),
      [&](int begin, int end) {
        for (int p = task.panel_begin; p < task.panel_end; p += kTilePanels) {
          multiply_panels<kType>(task, p, x, begin, end);
        }
      },
      kCacheBytes);
}

template <std::size_t... kTypes>
void use_for_all(std::array<MatmulQ*, kTensorTypes>& products, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  ((products[kFirst + kTypes] = matmul<static_cast<TensorType>(kFirst + kTypes)>), ...);
}

}  // namespace

const std::array<MatmulQ*, kTensorTypes>& vnni_many_rows() {
  static const auto products = [] {
    std::array<MatmulQ*, kTensorTypes> all{};
    use_for_all(all, std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>());
    return all;
  }();
  return products;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
