// N-ACT: gated activations and soft-capping, elementwise.
//   silu(x) = x / (1 + exp(−x))
//   gelu_tanh(x) = (0.5·x) · (1 + tanh(√(2/π) · fma(0.044715·x², x, x)))
//   gelu_erf(x) = (0.5·x) · (1 + erf(x · √½))
// In bf16 the activation is rounded, and so is its product with `up`.
// Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016; Shazeer, "GLU Variants Improve Transformer", 2020.
#include "kernels/ref/ref.h"
#include "numerics/exp.h"

namespace isobatch::kernels::ref {
namespace {

float silu(float x) { return x / (1.0f + numerics::exp(-x)); }

float gelu_tanh(float x) {
  const float inner = numerics::fma(0.044715f * (x * x), x, x);
  return (0.5f * x) * (1.0f + numerics::tanh(0x1.988454p-1f * inner));
}

float gelu_erf(float x) { return (0.5f * x) * (1.0f + numerics::erf(x * 0x1.6a09e6p-1f)); }

template <float (*activation)(float), float (*round)(float) = numerics::canonical>
void gate_mul(const float* gate, const float* up, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round(round(activation(gate[i])) * up[i]);
}

}  // namespace

void silu_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<silu>(gate, up, n, out);
}
void silu_mul_bf16(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<silu, round_to_bf16>(gate, up, n, out);
}
void gelu_tanh_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_tanh>(gate, up, n, out);
}
void gelu_erf_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_erf>(gate, up, n, out);
}

void soft_cap(const float* x, std::size_t n, float cap, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = numerics::canonical(cap * numerics::tanh(x[i] / cap));
}

}  // namespace isobatch::kernels::ref
