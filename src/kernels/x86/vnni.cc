// N-DOT-Q by AVX-512 VNNI: vpdpbusd adds four products of unsigned weights and signed activations to an int32
// lane. Same bits as ref/matmul_q.cc: the sum in a block is exact, and one fma per block and output is left
// to order. A tile is 16 outputs × up to 8 rows; its weights are unpacked once and used by all rows. More
// rows take other forms, by CPU: vnni_many_rows.cc, vnni_pairs.cc.
#include "kernels/x86/x86.h"

#include <cpuid.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

constexpr int kFewRows = 8;  // up to here unpacking into memory does not pay
constexpr int kBlocksInGroup = kGroup / kBlock;

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_quants-inl.h"

// The weights of one scale, kQuads fours of k from kFirstQuad on, with rows [First, R) of a tile:
// t[r] = fma(scale, float(isum), t[r]). `x` points to the tile's values, 64 bytes a row; `sums` to the sums
// of the same k. Four rows at a time, their high and low parts in chains of their own: one long chain after
// another would fill the scheduler with instructions that wait.
template <int kBias, int kFirstQuad, int kQuads, int First, int R>
ISOBATCH_INLINE void add_block(const __m512i (&w)[8], __m512 scale, const std::int8_t* x,
                               const std::int32_t* sums, __m512 (&t)[R]) {
  constexpr int kRows = std::min(4, R - First);
  __m512i high[kRows], low[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    high[r] = _mm512_setzero_si512();
    // Starts from what the bias of the weights adds, so that it cancels.
    low[r] = kBias == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(-kBias * sums[First + r]);
  }
#pragma GCC unroll 16
  for (int g = kFirstQuad; g < kFirstQuad + kQuads; ++g) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const std::int8_t* row = x + (First + r) * kBlockBytes + 4 * g;
      high[r] = _mm512_dpbusd_epi32(high[r], w[g], broadcast4(row));
      low[r] = _mm512_dpbusd_epi32(low[r], w[g], broadcast4(row + kBlock));
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const __m512i isum = _mm512_add_epi32(_mm512_slli_epi32(high[r], 4), low[r]);
    t[First + r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(isum), t[First + r]);
  }
  if constexpr (First + kRows < R) {
    add_block<kBias, kFirstQuad, kQuads, First + kRows>(w, scale, x, sums, t);
  }
}

template <TensorType kType>
struct Tile {
  static constexpr QuantLayout kLayout = quant_layout(kType);
  static constexpr int kBlockQuants = 64 * kLayout.bits, kScaled = kLayout.scaled;
  const std::byte* quants;
  const Scales<kType>& scales;
  std::ptrdiff_t next_panel;  // bytes to the same place there: asked for while this panel is worked on
  const QuantizedRows& x;
  float* out;
  std::ptrdiff_t out_stride;
  __mmask16 outputs;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    const int blocks = x.blocks();
    __m512 acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = _mm512_setzero_ps();
    for (int group = 0; group < x.groups(); ++group) {
      __m512 t[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r] = _mm512_setzero_ps();
      const int end = std::min((group + 1) * kBlocksInGroup, blocks);
      for (int b = group * kBlocksInGroup; b < end; ++b) add<R>(b, first_row, t);
      const float* dx = x.scales + static_cast<std::ptrdiff_t>(group) * x.rows + first_row;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = _mm512_fmadd_ps(_mm512_set1_ps(dx[r]), t[r], acc[r]);
    }
    if constexpr (kLayout.minima) {
      __m512 minima[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) minima[r] = _mm512_setzero_ps();
      for (int i = 0; i < blocks * (kBlock / kScaled); ++i) {
        scales.prefetch_minimum(i, next_panel);
        const __m512 minimum = scales.minimum(i);
        const ScaledSums<kScaled> sums(x, i, first_row);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          minima[r] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(sums[r]), minima[r]);
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = _mm512_add_ps(acc[r], minima[r]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      _mm512_mask_storeu_ps(out + (first_row + r) * out_stride, outputs, canonical(acc[r]));
    }
  }

 private:
  // Block b of 32 values.
  template <int R>
  ISOBATCH_INLINE void add(int b, int first_row, __m512 (&t)[R]) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
    const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * kBlockQuants;
    if (first_row == 0) {
      prefetch_block<kType>(block, next_panel);
      scales.prefetch_scale(b * (kBlock / kScaled), next_panel);
    }
    constexpr int kBias = unsigned_bias<kType>();
    const std::int8_t* values = x.values + at * kBlockBytes;
    __m512i w[8];
    unpack_block<kType, kBias>(block, w);
    if constexpr (kScaled == kBlock) {
      add_block<kBias, 0, 8, 0>(w, scales.scale(b), values, x.sums + at, t);
    } else {
      const std::int32_t* sums = x.half_sums + static_cast<std::ptrdiff_t>(2 * b) * x.rows + first_row;
      add_block<kBias, 0, 4, 0>(w, scales.scale(2 * b), values, sums, t);
      add_block<kBias, 4, 4, 0>(w, scales.scale(2 * b + 1), values, sums + x.rows, t);
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
    const Tile<kType> tile{panel,
                           scales,
                           stride,
                           x,
                           task.out + p * kPanel,
                           task.out_stride,
                           static_cast<__mmask16>((1u << outputs) - 1)};
    for_row_tiles<kFewRows>(tile, task.rows);
  }
}

template <TensorType kType, VnniManyRows kManyRows>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  if (x.rows <= kFewRows) return few_rows<kType>(task, x);  // as the form is
  const auto& many_rows = kManyRows == VnniManyRows::by_pairs ? vnni_pairs() : vnni_many_rows();
  many_rows[static_cast<std::size_t>(kType)](task, x);
}

template <VnniManyRows kManyRows, std::size_t... kTypes>
void use_for_all(KernelTable& table, std::index_sequence<kTypes...>) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  ((table.matmul_q[kFirst + kTypes] = matmul<static_cast<TensorType>(kFirst + kTypes), kManyRows>), ...);
}

}  // namespace

// AMD's cores have adders beside their multipliers (Zen 4 begins one 512-bit instruction of each in a cycle);
// Intel's begin two of either kind, so that fewer multiplications at the price of additions would be a loss
// (docs/decisions/0003-quantized-products.md).
VnniManyRows vnni_many_rows_here() {
  unsigned a, b, c, d;
  __cpuid(0, a, b, c, d);
  const bool amd = b == signature_AMD_ebx && c == signature_AMD_ecx && d == signature_AMD_edx;
  return amd ? VnniManyRows::by_pairs : VnniManyRows::by_bytes;
}

KernelTable make_vnni_table(VnniManyRows many_rows) {
  constexpr auto kQuantized =
      std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>();
  KernelTable t = avx512_table();
  t.name = "vnni";
  t.few_rows = kFewRows;
  t.few_rows_form = QuantForm::bytes;
  if (many_rows == VnniManyRows::by_pairs) {
    t.many_rows_form = QuantForm::paired_words;
    use_for_all<VnniManyRows::by_pairs>(t, kQuantized);
  } else {
    t.many_rows_form = QuantForm::bytes;
    use_for_all<VnniManyRows::by_bytes>(t, kQuantized);
  }
  use_vnni_int8(t);
  return t;
}

const KernelTable& vnni_table() {
  static const KernelTable table = make_vnni_table(vnni_many_rows_here());
  return table;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
