// N-DOT-Q by vpdpbusd for many rows, on cores that begin two of them in a cycle: with an operand from memory
// for each, as in vnni.cc, such a core waits for loads and for chains. Here a tile is two panels × 8 rows,
// whose 16 sums are one chain each. Same bits as ref/matmul_q.cc: the sum in a block is exact, and one fma
// per block and output is left to order.
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

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_quants-inl.h"
#include "kernels/x86/zmm_two_panels-inl.h"

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

template <Chain kChain>
struct GroupTile;

template <Chain kChain>
struct ByteGroup {
  using Tile = GroupTile<kChain>;
  static constexpr QuantForm kForm = QuantForm::bytes;
  static constexpr int kTileRows = 8;
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
      prefetch_block<kType>(quants, next);
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
    unpack_scales(packed_scales, first, blocks, next, panel, scales);
  }

  template <TensorType kType>
  ISOBATCH_INLINE void start(const QuantizedRows& x, int first, int begin, int rows) {
    if constexpr (!kChain.biased) return;
    constexpr int kFactor = -unsigned_bias<kType>() / (kChain.both_weights ? 1 : 16);
    static_assert(kFactor * (kChain.both_weights ? 1 : 16) == -unsigned_bias<kType>());
    const std::int32_t* sums = kParts == 1 ? x.sums : x.half_sums;
    sums += static_cast<std::ptrdiff_t>(first) * kParts * x.rows + begin;
    for (int i = 0; i < blocks * kParts; ++i, sums += x.rows) {
      for (int r = 0; r < rows; ++r) starts[i][r] = kFactor * sums[r];
    }
  }
};

// Adds one group to the rows' sums.
template <Chain kChain>
struct GroupTile {
  using Weights = ByteGroup<kChain>;
  const Weights& group;
  const GroupOperands& operands;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    alignas(64) Sums t[R];  // in memory: the registers are for the integers
    const std::int8_t* x = operands.values + static_cast<std::ptrdiff_t>(first_row) * kBlockBytes;
    for (int b = 0; b < group.blocks; ++b, x += operands.block_stride) {
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
          __m512i q = broadcast4(x + r * kBlockBytes + low * kBlock + 4 * g);
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

template <TensorType kType>
using GroupOf = ByteGroup<chain_of<kType>()>;

}  // namespace

const std::array<MatmulQ*, kTensorTypes>& vnni_many_rows() {
  static const auto products = products_of_types<GroupOf>();
  return products;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
