// N-DOT-Q by AVX-512 VNNI: vpdpbusd adds four products of unsigned weights and signed activations to an int32
// lane. Same bits as ref/matmul_q.cc: the sum in a block is exact, and one fma per block and output is left
// to order. A tile is 16 outputs × up to 8 rows; its weights are unpacked once and used by all rows.
#include "kernels/x86/x86.h"

#include <algorithm>

#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

constexpr int kTileRows = 8;
constexpr int kBlocksInGroup = kGroup / kBlock;

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"

ISOBATCH_INLINE __m512i broadcast4(const std::int8_t* x) {
  return _mm512_set1_epi32(*reinterpret_cast<const int*>(x));
}

// A block's weights as unsigned bytes w + kOffset, eight groups of four k.
struct BlockQ8_0 {
  static constexpr int kBytes = 512, kOffset = 128;
  static ISOBATCH_INLINE void unpack(const std::byte* quants, __m512i (&w)[8]) {
    const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) w[g] = _mm512_xor_si512(_mm512_loadu_si512(quants + g * 64), flip);
  }
};

struct BlockQ4 {
  static constexpr int kBytes = 256;
  static ISOBATCH_INLINE void unpack(const std::byte* quants, __m512i (&w)[8]) {
    const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 16
    for (int g = 0; g < 4; ++g) {
      const __m512i packed = _mm512_loadu_si512(quants + g * 64);
      w[g] = _mm512_and_si512(packed, low);
      w[g + 4] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
    }
  }
};
struct BlockQ4_0 : BlockQ4 {
  static constexpr int kOffset = 8;
};
struct BlockQ4_1 : BlockQ4 {
  static constexpr int kOffset = 0;
};

// One block's weights with rows [First, R) of a tile: t[r] = fma(scale, float(isum), t[r]). `x` points to the
// tile's values, 64 bytes a row; `sums` to its sums. Four rows at a time, their high and low parts in chains
// of their own: one long chain after another would fill the scheduler with instructions that wait.
template <typename Block, int First, int R>
ISOBATCH_INLINE void add_block(const __m512i (&w)[8], __m512 scale, const std::int8_t* x,
                               const std::int32_t* sums, __m512 (&t)[R]) {
  constexpr int kRows = std::min(4, R - First);
  __m512i high[kRows], low[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    high[r] = _mm512_setzero_si512();
    // Starts from what the offset of the weights adds, so that it cancels.
    low[r] =
        Block::kOffset == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(-Block::kOffset * sums[First + r]);
  }
#pragma GCC unroll 16
  for (int g = 0; g < 8; ++g) {
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
  if constexpr (First + kRows < R) add_block<Block, First + kRows>(w, scale, x, sums, t);
}

ISOBATCH_INLINE void prefetch(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}

template <typename Block, bool kHasMinima>
struct Tile {
  const std::byte* quants;
  const std::byte* scales;
  std::ptrdiff_t next_panel;  // bytes to the same place there: asked for while this panel is worked on
  const QuantizedRows& x;
  int row_begin;  // rows of the tiles count from here
  float* out;
  std::ptrdiff_t out_stride;
  __mmask16 outputs;

  template <int R>
  ISOBATCH_INLINE void run(int tile_row) const {
    const int blocks = x.blocks(), first_row = row_begin + tile_row;
    __m512 acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = _mm512_setzero_ps();
    for (int group = 0; group < x.groups(); ++group) {
      __m512 t[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r] = _mm512_setzero_ps();
      const int end = std::min((group + 1) * kBlocksInGroup, blocks);
      for (int b = group * kBlocksInGroup; b < end; ++b) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
        const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * Block::kBytes;
        if (first_row == 0) {
          for (int line = 0; line < Block::kBytes; line += 64) prefetch(block + next_panel + line);
          prefetch(scales + next_panel + b * kPanel * 2);
        }
        __m512i w[8];
        Block::unpack(block, w);
        const __m512 scale = load_f16(scales + b * kPanel * 2);
        add_block<Block, 0>(w, scale, x.values + at * kBlockBytes, x.sums + at, t);
      }
      const float* dx = x.scales + static_cast<std::ptrdiff_t>(group) * x.rows + first_row;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = _mm512_fmadd_ps(_mm512_set1_ps(dx[r]), t[r], acc[r]);
    }
    if constexpr (kHasMinima) {
      __m512 minima[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) minima[r] = _mm512_setzero_ps();
      for (int b = 0; b < blocks; ++b) {
        const float* scaled_sums = x.scaled_sums + static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
        prefetch(scales + next_panel + (blocks + b) * kPanel * 2);
        const __m512 minimum = load_f16(scales + (blocks + b) * kPanel * 2);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
          minima[r] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(scaled_sums[r]), minima[r]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = _mm512_add_ps(acc[r], minima[r]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      _mm512_mask_storeu_ps(out + (first_row + r) * out_stride, outputs, canonical(acc[r]));
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
      const int outputs = std::min(kPanel, w.outputs - p * kPanel);
      const Tile<Block, kHasMinima> tile{panel,
                                         panel + scales,
                                         static_cast<std::ptrdiff_t>(stride),
                                         x,
                                         begin,
                                         task.out + p * kPanel,
                                         task.out_stride,
                                         static_cast<__mmask16>((1u << outputs) - 1)};
      for_row_tiles<kTileRows>(tile, end - begin);
    }
  });
}

}  // namespace

const KernelTable& vnni_table() {
  static const KernelTable table = [] {
    KernelTable t = avx512_table();
    t.name = "vnni";
    t.quant_form = QuantForm::bytes;
    t.matmul_q[static_cast<int>(TensorType::q8_0)] = matmul<BlockQ8_0, false>;
    t.matmul_q[static_cast<int>(TensorType::q4_0)] = matmul<BlockQ4_0, false>;
    t.matmul_q[static_cast<int>(TensorType::q4_1)] = matmul<BlockQ4_1, true>;
    return t;
  }();
  return table;
}

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
