// N-DOT-B: bf16 weights × bf16 activations, the arithmetic of AMX's TDPBF16PS. Weights were rounded by
// round_operand_bf16 when they were packed, x by round_operands.
#include <algorithm>

#include "kernels/ref/dot_b.h"
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"

namespace isobatch::kernels::ref {

void matmul_b(const MatmulTask& task, const float* x, std::ptrdiff_t x_stride) {
  const PackedMatrix& w = task.weights;
  const int end = std::min(task.panel_end * kPanel, w.outputs);
  for (int r = 0; r < task.rows; ++r, x += x_stride) {
    for (int n = task.panel_begin * kPanel; n < end; ++n) {
      const float sum = dot_b(
          w.depth, [&](int k) { return float_weight(w, n, k); }, [&](int k) { return x[k]; });
      task.out[r * task.out_stride + n] = numerics::canonical(sum);
    }
  }
}

}  // namespace isobatch::kernels::ref
