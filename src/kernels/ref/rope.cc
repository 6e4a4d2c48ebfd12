// N-ROPE: rotary position embedding, pairs (i, i + head_dim/2) as Hugging Face has them.
// Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
#include "kernels/ref/ref.h"
#include "numerics/scalar.h"

namespace isobatch::kernels::ref {
namespace {

// a·c + b·s.
float turn(float a, float c, float b, float s) { return numerics::canonical(numerics::fma(a, c, b * s)); }

template <float (*round)(float)>
float turn_rounded(float a, float c, float b, float s) {
  return round(round(a * c) + round(b * s));
}

template <float (*turn)(float, float, float, float)>
void rotate(float* x, std::ptrdiff_t stride, const float* cos, const float* sin,
            const std::int32_t* positions, int rows, int heads, int head_dim) {
  const int half = head_dim / 2;
  for (int r = 0; r < rows; ++r, x += stride) {
    const float* c = cos + static_cast<std::ptrdiff_t>(positions[r]) * half;
    const float* s = sin + static_cast<std::ptrdiff_t>(positions[r]) * half;
    for (int h = 0; h < heads; ++h) {
      float* first = x + h * head_dim;
      float* second = first + half;
      for (int i = 0; i < half; ++i) {
        const float x1 = first[i], x2 = second[i];
        first[i] = turn(x1, c[i], -x2, s[i]);
        second[i] = turn(x2, c[i], x1, s[i]);
      }
    }
  }
}

}  // namespace

void rope(float* x, std::ptrdiff_t stride, const float* cos, const float* sin, const std::int32_t* positions,
          int rows, int heads, int head_dim) {
  rotate<turn>(x, stride, cos, sin, positions, rows, heads, head_dim);
}

void rope_bf16(float* x, std::ptrdiff_t stride, const float* cos, const float* sin,
               const std::int32_t* positions, int rows, int heads, int head_dim) {
  rotate<turn_rounded<round_to_bf16>>(x, stride, cos, sin, positions, rows, heads, head_dim);
}

void rope_f16(float* x, std::ptrdiff_t stride, const float* cos, const float* sin,
              const std::int32_t* positions, int rows, int heads, int head_dim) {
  rotate<turn_rounded<round_to_f16>>(x, stride, cos, sin, positions, rows, heads, head_dim);
}

}  // namespace isobatch::kernels::ref
