// One row of a packed matrix as f32: the embedding lookup. Quantized: w = d·q, or fma(d, q, m) with a
// minimum; d·q is exact, so this equals a product and a sum.
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {

void unpack_row(const PackedMatrix& w, int row, float* out) {
  if (!is_quantized(w.type)) {
    for (int k = 0; k < w.depth; ++k) out[k] = numerics::canonical(float_weight(w, row, k));
    return;
  }
  const QuantLayout layout = quant_layout(w.type);
  for (int block = 0; block < w.depth / layout.scaled; ++block) {
    const float scale = block_scale(w, row, block);
    const float minimum = layout.minima ? block_minimum(w, row, block) : 0.0f;
    for (int k = block * layout.scaled; k < (block + 1) * layout.scaled; ++k) {
      const float q = static_cast<float>(integer_weight(w, row, k));
      out[k] = numerics::canonical(layout.minima ? numerics::fma(scale, q, minimum) : scale * q);
    }
  }
}

}  // namespace isobatch::kernels::ref
