// N-DOT-B by AMX: TDPBF16PS adds to 16 × 16 sums an even and an odd chain of 32 terms, each from +0, which is
// what N-DOT-B does for a block; so the sums of a whole depth stay in their tiles. Same bits as
// ref/matmul_b.cc: operands are free of denormals and no sum of them can be one, so that the unit's flushing
// changes nothing.
//
// A panel's block is a B tile as it lies. Activations come as f32 and are packed into A tiles once for all
// panels of a call.
#include <algorithm>
#include <cstring>

#include "base/aligned_vector.h"
#include "base/float16.h"
#include "kernels/simd/simd.h"
#include "kernels/x86/intrinsics.h"
#include "kernels/x86/tiles.h"
#include "kernels/x86/x86.h"

namespace isobatch::kernels {
namespace {

// Room for n values, of the calling thread. Not compiled for AVX-512: the vector's functions belong to the
// whole program.
std::uint16_t* packed_values(std::size_t n) {
  thread_local AlignedVector<std::uint16_t> values;
  if (values.size() < n) values.resize(n);
  return values.data();
}

}  // namespace
}  // namespace isobatch::kernels

ISOBATCH_AVX512_BEGIN

namespace isobatch::kernels {
namespace {

constexpr int kTileRows = 16;
constexpr int kTileBytes = kBlock * kPanel * 2;  // of a block's weights
// Fewer rows leave a tile too empty; the AVX-512 kernel takes them. Not yet timed on a machine with AMX.
constexpr int kFewRows = 4;

#include "kernels/row_tiles-inl.h"
#include "kernels/x86/zmm-inl.h"
#include "kernels/x86/zmm_tiles-inl.h"

// Rows of bf16 values as f32 to bf16, filled with 0 up to whole blocks: [blocks][rows][32], so that a tile is
// one piece, which a core sees coming.
void pack_rows(const float* x, std::ptrdiff_t stride, int rows, int depth, std::uint16_t* out) {
  for (int k = 0; k < depth; k += kBlock) {
    const int n = std::min(kBlock, depth - k);
    for (int r = 0; r < rows; ++r, out += kBlock) {
      pack_bf16(x + r * stride + k, n, out);
      std::memset(out + n, 0, (kBlock - n) * sizeof *out);
    }
  }
}

// The blocks of a panel. The last one may be short: it is copied, filled with 0.
class PanelBlocks {
 public:
  void set(const std::byte* panel, int depth) {
    panel_ = panel;
    whole_ = depth / kBlock;
    const int rest = depth % kBlock;
    if (rest == 0) return;
    std::memset(last_, 0, sizeof last_);
    std::memcpy(last_, panel + whole_ * kTileBytes, (rest + 1) / 2 * kPanel * 4);
    if (rest % 2 == 0) return;
    for (int n = 0; n < kPanel; ++n) std::memset(last_ + (rest / 2 * kPanel + n) * 4 + 2, 0, 2);
  }
  const std::byte* at(int block) const { return block < whole_ ? panel_ + block * kTileBytes : last_; }

 private:
  alignas(64) std::byte last_[kTileBytes];
  const std::byte* panel_ = nullptr;
  int whole_ = 0;
};

struct PanelTiles {
  PanelBlocks panels[2];
  static constexpr std::ptrdiff_t stride = 64;
  const std::byte* at(int panel, int block) const { return panels[panel].at(block); }
};

// Panels [panel, panel + kPanels) of the task, rows [begin, end): `x` are those rows as pack_rows has them.
template <int kPanels>
void multiply_panels(const MatmulTask& task, int panel, int begin, int end, const std::uint16_t* x) {
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(w.type, w.depth);
  const int blocks = (w.depth + kBlock - 1) / kBlock;
  const std::ptrdiff_t x_block = static_cast<std::ptrdiff_t>(end - begin) * kBlock;
  PanelTiles b;
  for (int p = 0; p < kPanels; ++p) b.panels[p].set(w.data + (panel + p) * stride, w.depth);
  alignas(64) float sums[2][2][kTileRows][kPanel];
  const TileSums to{{sums[0][0][0], sums[1][0][0]}, kTileRows * kPanel, kPanel * sizeof(float)};

  // The last tile is a whole one: it starts early, and gives some rows their outputs once more.
  const int height = std::min(kTileRows, task.rows), tiles = (end - begin + height - 1) / height;
  const auto tile_begin = [=](int tile) { return std::min(begin + tile * height, end - height) - begin; };
  for (int tile = 0; tile < tiles; tile += 2) {
    const int row_tiles = std::min(2, tiles - tile);
    const std::uint16_t* a[2];
    for (int t = 0; t < row_tiles; ++t) {
      a[t] = x + static_cast<std::ptrdiff_t>(tile_begin(tile + t)) * kBlock;
    }
    if (row_tiles == 2) {
      sum_tiles<2, kPanels>(a, kBlock * 2, x_block, blocks, b, nullptr, to);
    } else {
      sum_tiles<1, kPanels>(a, kBlock * 2, x_block, blocks, b, nullptr, to);
    }
    for (int t = 0; t < row_tiles; ++t) {
      for (int p = 0; p < kPanels; ++p) {
        const int outputs = std::min(kPanel, w.outputs - (panel + p) * kPanel);
        const auto mask = static_cast<__mmask16>((1u << outputs) - 1);
        float* out = task.out + (begin + tile_begin(tile + t)) * task.out_stride + (panel + p) * kPanel;
        for (int r = 0; r < height; ++r, out += task.out_stride) {
          _mm512_mask_storeu_ps(out, mask, canonical(_mm512_load_ps(sums[t][p][r])));
        }
      }
    }
  }
}

void matmul_b(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  if (task.rows <= kFewRows) return avx512_table().matmul_b(task, x, x_stride);
  const int padded = (task.weights.depth + kBlock - 1) / kBlock * kBlock;
  amx::configure(bf16_tile_config(std::min(kTileRows, task.rows)));
  // Blocks of rows outside, so that their activations stay in the L2 cache while the panels pass. A last
  // block lower than a tile begins in the one before.
  for_row_blocks(task.rows, static_cast<std::size_t>(padded) * 2, [&](int begin, int end) {
    begin = std::max(0, std::min(begin, end - kTileRows));
    std::uint16_t* packed = packed_values(static_cast<std::size_t>(end - begin) * padded);
    pack_rows(x + begin * x_stride, x_stride, end - begin, task.weights.depth, packed);
    int panel = task.panel_begin;
    for (; panel + 2 <= task.panel_end; panel += 2) multiply_panels<2>(task, panel, begin, end, packed);
    if (panel < task.panel_end) multiply_panels<1>(task, panel, begin, end, packed);
  });
  amx::release();
}

}  // namespace

void use_amx_bf16(KernelTable& table) { table.matmul_b = matmul_b; }

}  // namespace isobatch::kernels
ISOBATCH_AVX512_END
