#include "kernels/ref/ref.h"

namespace isobatch::kernels {

namespace {

std::array<MatmulQ*, kTensorTypes> quantized_products() {
  std::array<MatmulQ*, kTensorTypes> products{};
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    if (is_quantized(type.type)) products[static_cast<std::size_t>(type.type)] = ref::matmul_q;
  }
  return products;
}

}  // namespace

const KernelTable& ref_table() {
  using namespace ref;
  // Arrays are indexed by TensorType (f32, f16, bf16, then the quantized ones) and KvDType (f32, f16, bf16,
  // q8_0).
  static const KernelTable table{
      .name = "ref",
      .rms_norm = {rms_norm, rms_norm_bf16, rms_norm_f16},
      .layer_norm = layer_norm,
      .round_results = {nullptr, round_results_bf16, round_results_f16},
      .round_operands = round_operands,
      .quantize_rows = {quantize_rows_bytes, quantize_rows_words, quantize_rows_paired_words,
                        quantize_rows_int8},
      .few_rows_form = QuantForm::bytes,
      .many_rows_form = QuantForm::bytes,
      .few_rows = 0,
      .matmul_f = {matmul_f32, matmul_f16, matmul_bf16},
      .matmul_q = quantized_products(),
      .matmul_q8 = quantized_products(),
      .matmul_b = matmul_b,
      .unpack_row = unpack_row,
      .rope = {rope, rope_bf16, rope_f16},
      .store_kv = {store_kv_f32, store_kv_f16, store_kv_bf16, store_kv_q8_0},
      .attention = {attention_f32, attention_f16, attention_bf16, attention_q8_0},
      .attention_parts = {},
      .silu_mul = {silu_mul, silu_mul_bf16, silu_mul_f16},
      .gelu_tanh_mul = {gelu_tanh_mul, gelu_tanh_mul_bf16, gelu_tanh_mul_f16},
      .gelu_erf_mul = gelu_erf_mul,
      .soft_cap = {soft_cap, soft_cap_bf16, soft_cap_f16},
      .scale = {scale, scale_bf16, scale_f16},
      .add = {add, add_bf16, add_f16},
      .argmax = argmax,
      .sum_exp = sum_exp,
  };
  return table;
}

}  // namespace isobatch::kernels
