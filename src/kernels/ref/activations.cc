// N-ACT: gated activations, soft-capping and scaling, elementwise.
//   silu(x) = x / (1 + exp(−x))
//   gelu_tanh(x) = (0.5·x) · (1 + tanh(√(2/π) · fma(0.044715·x², x, x)))
//   gelu_erf(x) = (0.5·x) · (1 + erf(x · √½))
// In bf16 and f16 the activation is rounded, and so is its product with `up`; in soft-capping quotient, tanh
// and product are.
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

template <float (*round)(float)>
void cap_all(const float* x, std::size_t n, float cap, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round(cap * round(numerics::tanh(round(x[i] / cap))));
}

template <float (*round)(float)>
void scale_all(const float* x, std::size_t n, float factor, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round(x[i] * factor);
}

}  // namespace

void silu_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<silu>(gate, up, n, out);
}
void silu_mul_bf16(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<silu, round_to_bf16>(gate, up, n, out);
}
void silu_mul_f16(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<silu, round_to_f16>(gate, up, n, out);
}
void gelu_tanh_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_tanh>(gate, up, n, out);
}
void gelu_tanh_mul_bf16(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_tanh, round_to_bf16>(gate, up, n, out);
}
void gelu_tanh_mul_f16(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_tanh, round_to_f16>(gate, up, n, out);
}
void gelu_erf_mul(const float* gate, const float* up, std::size_t n, float* out) {
  gate_mul<gelu_erf>(gate, up, n, out);
}

void soft_cap(const float* x, std::size_t n, float cap, float* out) {
  cap_all<numerics::canonical>(x, n, cap, out);
}
void soft_cap_bf16(const float* x, std::size_t n, float cap, float* out) {
  cap_all<round_to_bf16>(x, n, cap, out);
}
void soft_cap_f16(const float* x, std::size_t n, float cap, float* out) {
  cap_all<round_to_f16>(x, n, cap, out);
}

void scale(const float* x, std::size_t n, float factor, float* out) {
  scale_all<numerics::canonical>(x, n, factor, out);
}
void scale_bf16(const float* x, std::size_t n, float factor, float* out) {
  scale_all<round_to_bf16>(x, n, factor, out);
}
void scale_f16(const float* x, std::size_t n, float factor, float* out) {
  scale_all<round_to_f16>(x, n, factor, out);
}

}  // namespace isobatch::kernels::ref
