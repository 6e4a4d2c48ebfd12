// N-DOT-Q by vpdpbusd for many rows, on cores that begin two of them in a cycle: with an operand from memory
// for each, as in vnni.cc, such a core waits for loads and for chains. Here a tile is two panels by 4 or 8
// rows with 16 chains of integers, and a load of activations meets both panels. Same bits as ref/matmul_q.cc:
// the sum in a block is exact, and one fma per block and output is left to order.
#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"
#include "kernels/x86/x86.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_quants-inl.h"
#include "kernels/x86/zmm_two_panels-inl.h"

// How a block of this type is multiplied: Σ w · x is 16 · Σ w · high + Σ w · low.
struct Chain {
  bool one;     // adds 16 · w · high and w · low, as 16 · w fits a byte; else high and low have one each
  int scaled;   // values that share a scale
  bool biased;  // weights are made unsigned by a bias; a chain starts from what cancels it
};
template <TensorType kType>
constexpr Chain chain_of() {
  constexpr QuantLayout kLayout = quant_layout(kType);
  return {kLayout.bits <= 4 && !kLayout.codebook, kLayout.scaled, unsigned_bias<kType>() != 0};
}

template <Chain kChain>
struct OneChainTile;
template <Chain kChain>
struct TwoChainsTile;

template <Chain kChain>
struct ByteGroup {
  using Tile = std::conditional_t<kChain.one, OneChainTile<kChain>, TwoChainsTile<kChain>>;
  static constexpr QuantForm kForm = QuantForm::bytes;
  static constexpr int kTileRows = kChain.one ? 8 : 4;
  static constexpr int kParts = kBlock / kChain.scaled;  // of a block, a scale each
  static constexpr int kWeights = kChain.one ? 2 : 1;
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
      __m512i w[8];
      unpack_block<kType, unsigned_bias<kType>()>(quants, w);
#pragma GCC unroll 16
      for (int g = 0; g < 8; ++g) {
        if constexpr (kChain.one) {
          _mm512_store_si512(weights[b][0][g][panel], _mm512_slli_epi16(w[g], 4));
        }
        _mm512_store_si512(weights[b][kWeights - 1][g][panel], w[g]);
      }
    }
    unpack_scales(packed_scales, first, blocks, next, panel, scales);
  }

  ISOBATCH_INLINE __m512i start_of(int scale, int row) const {
    return kChain.biased ? _mm512_set1_epi32(starts[scale][row]) : _mm512_setzero_si512();
  }

  template <TensorType kType>
  ISOBATCH_INLINE void start(const QuantizedRows& x, int first, int begin, int rows) {
    if constexpr (!kChain.biased) return;
    const std::int32_t* sums = kParts == 1 ? x.sums : x.half_sums;
    sums += static_cast<std::ptrdiff_t>(first) * kParts * x.rows + begin;
    for (int i = 0; i < blocks * kParts; ++i, sums += x.rows) {
      for (int r = 0; r < rows; ++r) starts[i][r] = -unsigned_bias<kType>() * sums[r];
    }
  }
};

// Tiles add one group to the rows' sums.
template <Chain kChain>
struct OneChainTile {
  using Weights = ByteGroup<kChain>;
  const Weights& group;
  const GroupOperands& operands;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    alignas(64) Sums t[R];  // in memory: the registers are for the integers
    const std::int8_t* x = operands.values + static_cast<std::ptrdiff_t>(first_row) * kBlockBytes;
    for (int b = 0; b < group.blocks; ++b, x += operands.block_stride) {
      operands.ask_ahead(b, first_row);
      add<0>(b, x, first_row, t);
      if constexpr (Weights::kParts == 2) add<1>(b, x, first_row, t);
    }
    __m512 sums[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) sums[r][p] = _mm512_load_ps(t[r][p]);
    }
    operands.add_scaled(first_row, sums);
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
      for (int p = 0; p < kTilePanels; ++p) isum[r][p] = group.start_of(scale, first_row + r);
    }
#pragma GCC unroll 2
    for (int low = 0; low < 2; ++low) {
#pragma GCC unroll 16
      for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
        const auto& weights = group.weights[b][low][g];
        const __m512i w[kTilePanels] = {_mm512_load_si512(weights[0]), _mm512_load_si512(weights[1])};
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          __m512i q = broadcast4(x + r * kBlockBytes + low * kBlock + 4 * g);
          keep_in_register(q);  // else each panel would load it for itself
#pragma GCC unroll 2
          for (int p = 0; p < kTilePanels; ++p) isum[r][p] = _mm512_dpbusd_epi32(isum[r][p], w[p], q);
        }
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

template <Chain kChain>
struct TwoChainsTile {
  using Weights = ByteGroup<kChain>;
  const Weights& group;
  const GroupOperands& operands;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    add_blocks<R>(*this, first_row);
  }

  // The values of one scale: part kPart of block b.
  template <int kPart, int R>
  ISOBATCH_INLINE void add(int b, const std::int8_t* x, int first_row, __m512 (&t)[R][kTilePanels]) const {
    constexpr int kQuads = 8 / Weights::kParts;
    const int scale = b * Weights::kParts + kPart;
    __m512i high[R][kTilePanels], low[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        high[r][p] = _mm512_setzero_si512();
        low[r][p] = group.start_of(scale, first_row + r);
      }
    }
#pragma GCC unroll 16
    for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
      const auto& weights = group.weights[b][0][g];
      const __m512i w[kTilePanels] = {_mm512_load_si512(weights[0]), _mm512_load_si512(weights[1])};
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        __m512i h = broadcast4(x + r * kBlockBytes + 4 * g);
        __m512i l = broadcast4(x + r * kBlockBytes + kBlock + 4 * g);
        keep_in_register(h);
        keep_in_register(l);
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) {
          high[r][p] = _mm512_dpbusd_epi32(high[r][p], w[p], h);
          low[r][p] = _mm512_dpbusd_epi32(low[r][p], w[p], l);
        }
      }
    }
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      const __m512 s = _mm512_load_ps(group.scales[scale][p]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const __m512i isum = _mm512_add_epi32(_mm512_slli_epi32(high[r][p], 4), low[r][p]);
        t[r][p] = _mm512_fmadd_ps(s, _mm512_cvtepi32_ps(isum), t[r][p]);
      }
    }
  }
};

template <TensorType kType>
using GroupOf = ByteGroup<chain_of<kType>()>;

}  // namespace

const std::array<MatmulQ*, kTensorTypes>& vnni_many_rows() {
  static const auto products = products_of_types<GroupOf>();
  return products;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
