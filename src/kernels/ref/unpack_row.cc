// One row of a packed matrix as f32: the embedding lookup. Quantized: w = d·q, or fma(d, q, m) with a
// minimum; d·q of an f16 scale and an 8-bit integer is exact, so this equals a product and a sum.
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

void unpack_float(const PackedMatrix& w, int row, float* out) {
  for (int k = 0; k < w.depth; ++k) out[k] = numerics::canonical(float_weight(w, row, k));
}

void unpack_quantized(const PackedMatrix& w, int row, float* out) {
  for (int k = 0; k < w.depth; ++k) {
    const float scale = block_scale(w, row, k / kBlock);
    const float q = static_cast<float>(integer_weight(w, row, k));
    out[k] = numerics::canonical(
        w.type == TensorType::q4_1 ? numerics::fma(scale, q, block_minimum(w, row, k / kBlock)) : scale * q);
  }
}

}  // namespace

void unpack_row_f32(const PackedMatrix& w, int row, float* out) { unpack_float(w, row, out); }
void unpack_row_f16(const PackedMatrix& w, int row, float* out) { unpack_float(w, row, out); }
void unpack_row_bf16(const PackedMatrix& w, int row, float* out) { unpack_float(w, row, out); }
void unpack_row_q8_0(const PackedMatrix& w, int row, float* out) { unpack_quantized(w, row, out); }
void unpack_row_q4_0(const PackedMatrix& w, int row, float* out) { unpack_quantized(w, row, out); }
void unpack_row_q4_1(const PackedMatrix& w, int row, float* out) { unpack_quantized(w, row, out); }

}  // namespace isobatch::kernels::ref
