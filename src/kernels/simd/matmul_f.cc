// Same bits as ref/matmul_f.cc and ref/matmul_b.cc: lanes are outputs, tiles are rows, no sum is split.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_f.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/dot.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// Sums over the whole depth for R rows of kWidth outputs; `panel` is offset to the first of them.
struct DotF32 {
  static constexpr int kHeight = kRowsOfOneChain;
  using Element = float;
  static constexpr int kLaneElements = 1;  // elements from one output to the next
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R][kVectorsAtOnce]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk(panel + k * kPanel, kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride, acc,
                  AskNear());
    }
  }
};

struct DotF16 {
  static constexpr int kHeight = kRowsOfOneChain;
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 1;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R][kVectorsAtOnce]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk(panel + k * kPanel, kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride, acc,
                  AskNear());
    }
  }
};

struct DotFBf16 {
  static constexpr int kHeight = kRowsOfOneChain;
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 2;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R][kVectorsAtOnce]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk_pairs(panel + k * kPanel, 2 * kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride, acc);
    }
  }
};

struct DotB {
  static constexpr int kHeight = kRowsOfTwoChains;
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 2;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R][kVectorsAtOnce]) {
    for (int k = 0; k < depth; k += kBlock) {
      dot_b_block(panel + k * kPanel, 2 * kPanel, 0, HWY_MIN(kBlock, depth - k), x + k, x_stride, acc,
                  AskNear());
    }
  }
};

// kWidth outputs, R rows from first_row on.
template <typename Dot>
struct Tile {
  const typename Dot::Element* panel;
  int depth;
  const float* x;
  std::ptrdiff_t x_stride;
  float* out;
  std::ptrdiff_t out_stride;
  int outputs;  // from here on that exist

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R][kVectorsAtOnce];
    set_zero(acc);
    Dot::template run<R>(panel, depth, x + first_row * x_stride, x_stride, acc);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* target = out + (first_row + r) * out_stride;
#pragma GCC unroll 16
      for (int v = 0; v < kVectorsAtOnce; ++v) {
        const int rest = outputs - v * kLanes;
        if (rest >= kLanes) {
          store(canonical(acc[r][v]), target + v * kLanes);
        } else if (rest > 0) {
          store_first(canonical(acc[r][v]), rest, target + v * kLanes);
        }
      }
    }
  }
};

template <typename Dot>
void matmul(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(w.type, w.depth);
  // Blocks of rows outside, so that their activations stay in the L2 cache while the panels pass.
  for_row_blocks(task.rows, sizeof(float) * w.depth, [&](int begin, int end) {
    for (int p = task.panel_begin; p < task.panel_end; ++p) {
      const auto* panel = reinterpret_cast<const typename Dot::Element*>(w.data + p * stride);
      for (int lane = 0; lane < kPanel && p * kPanel + lane < w.outputs; lane += kWidth) {
        const int output = p * kPanel + lane;
        const Tile<Dot> tile{
            panel + lane * Dot::kLaneElements,           w.depth,         x + begin * x_stride, x_stride,
            task.out + begin * task.out_stride + output, task.out_stride, w.outputs - output};
        for_row_tiles<Dot::kHeight>(tile, end - begin);
      }
    }
  });
}

}  // namespace

void use_matmul_f(KernelTable& table) {
  table.matmul_f[static_cast<int>(TensorType::f32)] = matmul<DotF32>;
  table.matmul_f[static_cast<int>(TensorType::f16)] = matmul<DotF16>;
  table.matmul_f[static_cast<int>(TensorType::bf16)] = matmul<DotFBf16>;
  table.matmul_b = matmul<DotB>;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
