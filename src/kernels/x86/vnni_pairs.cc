// N-DOT-Q by vpdpwssd for many rows, with fewer multiplications than there are products (Winograd, "A New
// Algorithm for Inner Product", IEEE Transactions on Computers C-17, 1968). For the pairs x₀x₁ of activations
// and w₀w₁ of weights
//   x₀w₀ + x₁w₁ = (x₀ + w₁)(x₁ + w₀) − x₀x₁ − w₀w₁
// and what is subtracted belongs to one row, or to one output: it is summed once for all that meet there. So
// a product costs half a multiplication and one addition. That pays on cores that have few multipliers and
// adders beside them (Zen 4: one 512-bit multiplication and one addition in a cycle). Both kinds keep busy
// when three of four fours go by pairs. All integers are exact (13 bits × 13 bits), so the bits are
// ref/matmul_q.cc's.
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

constexpr int kQuadsInHalf = kBlock / 8;
constexpr bool is_paired(int quad) { return quad % kQuadsInHalf < kPairedQuads; }

template <int kScaled>
struct GroupTile;

// Of types with a scale for each kScaled values.
template <int kScaled>
struct PairGroup {
  using Tile = GroupTile<kScaled>;
  static constexpr QuantForm kForm = QuantForm::paired_words;
  static constexpr int kTileRows = 4;
  static constexpr int kParts = kBlock / kScaled;  // of a block, a scale each
  // Of each four: (w₀, w₂) of the outputs, then (w₁, w₃).
  alignas(64) std::int16_t weights[kBlocksInGroup][8][2][kTilePanels][2 * kPanel];
  alignas(64) std::int32_t products[kBlocksInGroup * kParts][kTilePanels][kPanel];  // −Σ w₀w₁
  alignas(64) float scales[kBlocksInGroup * kParts][kTilePanels][kPanel];
  alignas(64) std::int32_t starts[kBlocksInGroup * kParts][kRowBlock];  // −Σ x₀x₁ of each row
  int blocks = 0;

  template <TensorType kType>
  ISOBATCH_INLINE void unpack(int panel, const std::byte* quants, const Scales<kType>& packed_scales,
                              int first, std::ptrdiff_t next) {
    static_assert(quant_layout(kType).scaled == kScaled);
    constexpr int kBytes = 64 * quant_layout(kType).bits;
    quants += static_cast<std::ptrdiff_t>(first) * kBytes;
    for (int b = 0; b < blocks; ++b, quants += kBytes) {
      __m512i bytes[8];
      unpack_block<kType, 0>(quants, bytes);
      __m512i sums[kParts];
#pragma GCC unroll 2
      for (int i = 0; i < kParts; ++i) sums[i] = _mm512_setzero_si512();
#pragma GCC unroll 16
      for (int g = 0; g < 8; ++g) {
        const __m512i even = _mm512_srai_epi16(_mm512_slli_epi16(bytes[g], 8), 8);
        const __m512i odd = _mm512_srai_epi16(bytes[g], 8);
        _mm512_store_si512(weights[b][g][0][panel], even);
        _mm512_store_si512(weights[b][g][1][panel], odd);
        __m512i& sum = sums[g * kParts / 8];
        if (is_paired(g)) sum = _mm512_dpwssd_epi32(sum, even, odd);
      }
#pragma GCC unroll 2
      for (int i = 0; i < kParts; ++i) {
        _mm512_store_si512(products[b * kParts + i][panel],
                           _mm512_sub_epi32(_mm512_setzero_si512(), sums[i]));
      }
    }
    unpack_scales(packed_scales, first, blocks, next, panel, scales);
  }

  template <TensorType kType>
  ISOBATCH_INLINE void start(const QuantizedRows& x, int first, int begin, int rows) {
    const std::int32_t* of_halves = x.pair_products + static_cast<std::ptrdiff_t>(first) * 2 * x.rows + begin;
    for (int i = 0; i < blocks * kParts; ++i) {
      for (int r = 0; r < rows; ++r) {
        starts[i][r] = kParts == 2 ? -of_halves[r] : -of_halves[r] - of_halves[x.rows + r];
      }
      of_halves += static_cast<std::ptrdiff_t>(2 / kParts) * x.rows;
    }
  }
};

// Adds one group to the rows' sums.
template <int kScaled>
struct GroupTile {
  using Weights = PairGroup<kScaled>;
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
    __m512i isum[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const __m512i start = _mm512_set1_epi32(group.starts[scale][first_row + r]);
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        isum[r][p] = _mm512_add_epi32(start, _mm512_load_si512(group.products[scale][p]));
      }
    }
#pragma GCC unroll 16
    for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
      const auto& weights = group.weights[b][g];
      __m512i even[kTilePanels], odd[kTilePanels];
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        even[p] = _mm512_load_si512(weights[0][p]);
        odd[p] = _mm512_load_si512(weights[1][p]);
        keep_in_register(even[p]);  // else each use would load them again
        keep_in_register(odd[p]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        __m512i even_x = broadcast4(x + r * kBlockBytes + 8 * g);
        __m512i odd_x = broadcast4(x + r * kBlockBytes + 8 * g + 4);
        keep_in_register(even_x);
        keep_in_register(odd_x);
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) {
          if (is_paired(g)) {
            isum[r][p] = _mm512_dpwssd_epi32(isum[r][p], _mm512_add_epi16(even_x, odd[p]),
                                             _mm512_add_epi16(odd_x, even[p]));
          } else {
            isum[r][p] = _mm512_dpwssd_epi32(isum[r][p], even_x, even[p]);
            isum[r][p] = _mm512_dpwssd_epi32(isum[r][p], odd_x, odd[p]);
          }
        }
      }
    }
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      const __m512 s = _mm512_load_ps(group.scales[scale][p]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r][p] = _mm512_fmadd_ps(s, _mm512_cvtepi32_ps(isum[r][p]), t[r][p]);
    }
  }
};

template <TensorType kType>
using GroupOf = PairGroup<quant_layout(kType).scaled>;

}  // namespace

const std::array<MatmulQ*, kTensorTypes>& vnni_pairs() {
  static const auto products = products_of_types<GroupOf>();
  return products;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
