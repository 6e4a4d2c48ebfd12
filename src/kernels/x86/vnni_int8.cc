// N-DOT-Q with 8-bit activations by vpdpbusd: four products of unsigned weights and signed activations in
// each lane. Same bits as ref/matmul_q.cc: the sum in a block is exact. Few rows take weights straight from
// the panel, 16 outputs × up to 8 rows; more rows take them two panels × 6 rows at a time
// (zmm_two_panels-inl.h).
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

constexpr int kFewRows = 8;  // up to here unpacking into memory does not pay

// The activations' sums that belong to the scales from block `block` on, a row of them for each.
template <int kScaled>
ISOBATCH_INLINE const std::int32_t* sums_of(const QuantizedRows& x, int block, int row) {
  constexpr int kParts = kBlock / kScaled;
  const std::int32_t* sums = kParts == 1 ? x.sums : x.half_sums;
  return sums + static_cast<std::ptrdiff_t>(block) * kParts * x.rows + row;
}

// --- few rows ---------------------------------------------------------------------------------------------

template <TensorType kType>
struct FewRowsTile {
  static constexpr QuantLayout kLayout = quant_layout(kType);
  static constexpr int kBlockQuants = 64 * kLayout.bits, kParts = kBlock / kLayout.scaled;
  const std::byte* quants;
  const Scales<kType>& scales;
  std::ptrdiff_t next_panel;
  const QuantizedRows& x;
  float* out;
  std::ptrdiff_t out_stride;
  std::uint32_t outputs;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    __m512 acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = _mm512_setzero_ps();
    for (int b = 0; b < x.blocks(); ++b) add<R>(b, first_row, acc);
    alignas(64) float sums[R][kPanel];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) _mm512_store_ps(sums[r], acc[r]);
    OutputTile<kType, 1>{&scales,    next_panel, x, first_row, &sums[0][0], out + first_row * out_stride,
                         out_stride, outputs}
        .template run<R>(0);
  }

 private:
  template <int R>
  ISOBATCH_INLINE void add(int b, int first_row, __m512 (&acc)[R]) const {
    const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * kBlockQuants;
    if (first_row == 0) {
      prefetch_block<kType>(block, next_panel);
      scales.prefetch_scale(b * kParts, next_panel);
    }
    __m512i w[8];
    unpack_block<kType, unsigned_bias<kType>()>(block, w);
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
    const std::int32_t* sums = sums_of<kLayout.scaled>(x, b, first_row);
    __m512 t[R];
    add_part<0>(w, b, x.values + at * kBlock, sums, t);
    if constexpr (kParts == 2) add_part<1>(w, b, x.values + at * kBlock, sums + x.rows, t);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = _mm512_fmadd_ps(_mm512_set1_ps(x.scales[at + r]), t[r], acc[r]);
  }

  // t = fma(scale, float(isum), t) of the values of scale kPart, t from 0.
  template <int kPart, int R>
  ISOBATCH_INLINE void add_part(const __m512i (&w)[8], int b, const std::int8_t* values,
                                const std::int32_t* sums, __m512 (&t)[R]) const {
    constexpr int kQuads = 8 / kParts, kBias = unsigned_bias<kType>();
    __m512i isum[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      isum[r] = kBias == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(-kBias * sums[r]);
    }
#pragma GCC unroll 16
    for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        isum[r] = _mm512_dpbusd_epi32(isum[r], w[g], broadcast4(values + r * kBlock + 4 * g));
      }
    }
    const __m512 scale = scales.scale(b * kParts + kPart);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const __m512 before = kPart == 0 ? _mm512_setzero_ps() : t[r];
      t[r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(isum[r]), before);
    }
  }
};

template <TensorType kType>
void few_rows(const MatmulTask& task, const QuantizedRows& x) {
  const PackedMatrix& w = task.weights;
  const auto stride = static_cast<std::ptrdiff_t>(panel_bytes(kType, w.depth));
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const std::byte* panel = w.data + p * stride;
    const int outputs = std::min(kPanel, w.outputs - p * kPanel);
    const Scales<kType> scales(panel + quants_bytes(kType, w.depth), w.depth);
    const FewRowsTile<kType> tile{
        panel, scales, stride, x, task.out + p * kPanel, task.out_stride, (1u << outputs) - 1};
    for_row_tiles<kFewRows>(tile, task.rows);
  }
}

// --- many rows --------------------------------------------------------------------------------------------

template <int kScaled, bool kBiased>
struct GroupTile;

template <int kScaled, bool kBiased>
struct Int8Group {
  using Tile = GroupTile<kScaled, kBiased>;
  static constexpr QuantForm kForm = QuantForm::int8;
  static constexpr int kTileRows = 6;
  static constexpr int kParts = kBlock / kScaled;  // of a block, a scale each
  alignas(64) std::byte weights[kBlocksInGroup][8][kTilePanels][64];
  alignas(64) float scales[kBlocksInGroup * kParts][kTilePanels][kPanel];
  alignas(64) std::int32_t starts[kBiased ? kBlocksInGroup * kParts : 1][kRowBlock];  // of each row's chain
  int blocks = 0;

  template <TensorType kType>
  ISOBATCH_INLINE void unpack(int panel, const std::byte* quants, const Scales<kType>& packed_scales,
                              int first, std::ptrdiff_t next) {
    constexpr int kBytes = 64 * quant_layout(kType).bits;
    quants += static_cast<std::ptrdiff_t>(first) * kBytes;
    for (int b = 0; b < blocks; ++b, quants += kBytes) {
      __m512i w[8];
      unpack_block<kType, unsigned_bias<kType>()>(quants, w);
#pragma GCC unroll 16
      for (int g = 0; g < 8; ++g) _mm512_store_si512(weights[b][g][panel], w[g]);
    }
    unpack_scales(packed_scales, first, blocks, next, panel, scales);
  }

  template <TensorType kType>
  ISOBATCH_INLINE void start(const QuantizedRows& x, int first, int begin, int rows) {
    if constexpr (!kBiased) return;
    const std::int32_t* sums = sums_of<kScaled>(x, first, begin);
    for (int i = 0; i < blocks * kParts; ++i, sums += x.rows) {
      for (int r = 0; r < rows; ++r) starts[i][r] = -unsigned_bias<kType>() * sums[r];
    }
  }
};

// Adds the blocks of a group to the rows' sums.
template <int kScaled, bool kBiased>
struct GroupTile {
  using Weights = Int8Group<kScaled, kBiased>;
  const Weights& group;
  const GroupOperands& operands;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    const std::int8_t* x = operands.values + static_cast<std::ptrdiff_t>(first_row) * kBlock;
    const float* dx = operands.dx + first_row;
    __m512 acc[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        acc[r][p] = _mm512_maskz_load_ps(operands.before, operands.acc[first_row + r][p]);
      }
    }
    for (int b = 0; b < group.blocks; ++b, x += operands.block_stride, dx += operands.dx_stride) {
      operands.ask_ahead(b, first_row);
      __m512 t[R][kTilePanels];
      add_part<0>(b, x, first_row, t);
      if constexpr (Weights::kParts == 2) add_part<1>(b, x, first_row, t);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const __m512 scale = _mm512_set1_ps(dx[r]);
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) acc[r][p] = _mm512_fmadd_ps(scale, t[r][p], acc[r][p]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) _mm512_store_ps(operands.acc[first_row + r][p], acc[r][p]);
    }
  }

 private:
  // t = fma(scale, float(isum), t) of the values of scale kPart, t from 0.
  template <int kPart, int R>
  ISOBATCH_INLINE void add_part(int b, const std::int8_t* x, int first_row,
                                __m512 (&t)[R][kTilePanels]) const {
    constexpr int kQuads = 8 / Weights::kParts;
    const int part = b * Weights::kParts + kPart;
    __m512i isum[R][kTilePanels];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kTilePanels; ++p) {
        isum[r][p] = kBiased ? _mm512_set1_epi32(group.starts[part][first_row + r]) : _mm512_setzero_si512();
      }
    }
#pragma GCC unroll 16
    for (int g = kPart * kQuads; g < (kPart + 1) * kQuads; ++g) {
      const auto& weights = group.weights[b][g];
      const __m512i w[kTilePanels] = {_mm512_load_si512(weights[0]), _mm512_load_si512(weights[1])};
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        __m512i q = broadcast4(x + r * kBlock + 4 * g);
        keep_in_register(q);  // else each panel would load it for itself
#pragma GCC unroll 2
        for (int p = 0; p < kTilePanels; ++p) isum[r][p] = _mm512_dpbusd_epi32(isum[r][p], w[p], q);
      }
    }
#pragma GCC unroll 2
    for (int p = 0; p < kTilePanels; ++p) {
      const __m512 scale = _mm512_load_ps(group.scales[part][p]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const __m512 before = kPart == 0 ? _mm512_setzero_ps() : t[r][p];
        t[r][p] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(isum[r][p]), before);
      }
    }
  }
};

template <TensorType kType>
using GroupOf = Int8Group<quant_layout(kType).scaled, unsigned_bias<kType>() != 0>;

template <TensorType kType>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  if (task.rows <= kFewRows) return few_rows<kType>(task, x);
  multiply_in_blocks<GroupOf<kType>, kType>(task, x);
}

template <std::size_t... kTypes>
void use_for_all(KernelTable& table, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  ((table.matmul_q8[kFirst + kTypes] = matmul<static_cast<TensorType>(kFirst + kTypes)>), ...);
}

}  // namespace

void use_vnni_int8(KernelTable& table) {
  use_for_all(table, std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>());
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
