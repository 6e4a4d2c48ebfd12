// N-DOT-Q by AVX-512 VNNI: vpdpbusd adds four products of unsigned weights and signed activations to an int32
// lane. Same bits as ref/matmul_q.cc: the sum in a block is exact, and one fma per block and output is left
// to order. A tile is 16 outputs × up to 16 rows; its weights are unpacked once and used by all rows.
#include "kernels/x86/x86.h"

#include <immintrin.h>

#include <algorithm>

#include "base/float16.h"
#include "kernels/simd/simd.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")

namespace isobatch::kernels {
namespace {

constexpr int kTileRows = 16;

#include "kernels/row_tiles-inl.h"

#define ISOBATCH_INLINE inline __attribute__((always_inline))

ISOBATCH_INLINE __m512 load_f16(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

ISOBATCH_INLINE __m512 canonical(__m512 v) {
  const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(kCanonicalNan)));
  return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), nan);
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

ISOBATCH_INLINE void prefetch(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}

template <typename Block, bool kHasMinima>
struct Tile {
  const std::byte* quants;
  const std::byte* scales;
  std::ptrdiff_t next_panel;  // bytes to the same place there: asked for while this panel is worked on
  const QuantizedRows& x;
  float* out;
  std::ptrdiff_t out_stride;
  __mmask16 outputs;

  template <int R>
  ISOBATCH_INLINE void run(int first_row) const {
    const int blocks = x.groups();
    __m512 acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = _mm512_setzero_ps();
    for (int b = 0; b < blocks; ++b) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
      const std::int8_t* values = x.values + at * kBlock;
      const std::int32_t* sums = x.sums + at;
      const float* row_scales = x.scales + at;
      __m512i w[8];
      const std::byte* block = quants + static_cast<std::ptrdiff_t>(b) * Block::kBytes;
      for (int line = 0; line < Block::kBytes; line += 64) prefetch(block + next_panel + line);
      prefetch(scales + next_panel + b * kPanel * 2);
      Block::unpack(block, w);
      const __m512 scale = load_f16(scales + b * kPanel * 2);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        // Start from what the offset of the weights adds, so that it cancels.
        __m512i isum =
            Block::kOffset == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(-Block::kOffset * sums[r]);
#pragma GCC unroll 16
        for (int g = 0; g < 8; ++g) {
          const auto* four = reinterpret_cast<const int*>(values + r * kBlock + g * 4);
          isum = _mm512_dpbusd_epi32(isum, w[g], _mm512_set1_epi32(*four));
        }
        acc[r] = _mm512_fmadd_ps(_mm512_mul_ps(scale, _mm512_set1_ps(row_scales[r])),
                                 _mm512_cvtepi32_ps(isum), acc[r]);
      }
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
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const std::byte* panel = w.data + p * stride;
    const int outputs = std::min(kPanel, w.outputs - p * kPanel);
    const Tile<Block, kHasMinima> tile{panel,
                                       panel + scales,
                                       static_cast<std::ptrdiff_t>(stride),
                                       x,
                                       task.out + p * kPanel,
                                       task.out_stride,
                                       static_cast<__mmask16>((1u << outputs) - 1)};
    for_row_tiles<kTileRows>(tile, task.rows);
  }
}

}  // namespace

const KernelTable& vnni_table() {
  static const KernelTable table = [] {
    KernelTable t = avx512_table();
    t.name = "vnni";
    t.matmul_q[static_cast<int>(TensorType::q8_0)] = matmul<BlockQ8_0, false>;
    t.matmul_q[static_cast<int>(TensorType::q4_0)] = matmul<BlockQ4_0, false>;
    t.matmul_q[static_cast<int>(TensorType::q4_1)] = matmul<BlockQ4_1, true>;
    return t;
  }();
  return table;
}

}  // namespace isobatch::kernels
#pragma GCC pop_options
