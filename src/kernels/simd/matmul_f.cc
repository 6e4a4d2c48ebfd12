// Same bits as ref/matmul_f.cc and ref/matmul_b.cc: lanes are outputs, tiles are rows, no sum is split.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_f.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/dot.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// Sums over the whole depth for R rows of one vector of outputs; `panel` is offset to the vector's first
// lane.
struct DotF32 {
  using Element = float;
  static constexpr int kLaneElements = 1;  // elements from one output to the next
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk<R>(panel + k * kPanel, kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride, acc);
    }
  }
};

struct DotF16 {
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 1;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk<R>(panel + k * kPanel, kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride, acc);
    }
  }
};

struct DotFBf16 {
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 2;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R]) {
    for (int k = 0; k < depth; k += kDotFChunk) {
      dot_f_chunk_pairs<R>(panel + k * kPanel, 2 * kPanel, HWY_MIN(kDotFChunk, depth - k), x + k, x_stride,
                           acc);
    }
  }
};

struct DotB {
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 2;
  template <int R>
  static HWY_INLINE void run(const Element* panel, int depth, const float* x, std::ptrdiff_t x_stride,
                             VF (&acc)[R]) {
    for (int k = 0; k < depth; k += kBlock) {
      dot_b_block<R>(panel + k * kPanel, 2 * kPanel, HWY_MIN(kBlock, depth - k), x + k, x_stride, acc);
    }
  }
};

// One vector of outputs, R rows from first_row on.
template <typename Dot>
struct Tile {
  const typename Dot::Element* panel;
  int depth;
  const float* x;
  std::ptrdiff_t x_stride;
  float* out;
  std::ptrdiff_t out_stride;
  int outputs;  // of this vector that exist

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = hn::Zero(F());
    Dot::template run<R>(panel, depth, x + first_row * x_stride, x_stride, acc);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* target = out + (first_row + r) * out_stride;
      if (outputs >= kLanes) {
        store(canonical(acc[r]), target);
      } else {
        store_first(canonical(acc[r]), outputs, target);
      }
    }
  }
};

// Rows whose activations stay in the L2 cache while all panels of a task meet them.
HWY_INLINE int rows_at_once(int depth) {
  constexpr int kBytes = 128 << 10;
  return HWY_MAX(kBytes / static_cast<int>(sizeof(float)) / depth / kTileRows, 1) * kTileRows;
}

template <typename Dot>
void matmul_rows(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(w.type, w.depth);
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const auto* panel = reinterpret_cast<const typename Dot::Element*>(w.data + p * stride);
    for (int lane = 0; lane < kPanel && p * kPanel + lane < w.outputs; lane += kLanes) {
      const int output = p * kPanel + lane;
      const Tile<Dot> tile{panel + lane * Dot::kLaneElements,
                           w.depth,
                           x,
                           x_stride,
                           task.out + output,
                           task.out_stride,
                           w.outputs - output};
      for_row_tiles<kTileRows>(tile, task.rows);
    }
  }
}

template <typename Dot>
void matmul(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const int most = rows_at_once(task.weights.depth);
  for (int row = 0; row < task.rows; row += most) {
    MatmulTask part = task;
    part.rows = HWY_MIN(most, task.rows - row);
    part.out += row * task.out_stride;
    matmul_rows<Dot>(part, x + row * x_stride, x_stride);
  }
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
