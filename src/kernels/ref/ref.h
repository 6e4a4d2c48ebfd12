// The executable spec: one scalar function per operation, in the order of the table. Read with
// docs/numerics.md.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::kernels::ref {

RmsNorm rms_norm, rms_norm_bf16, rms_norm_f16;
LayerNorm layer_norm;
RoundRows round_results_bf16, round_results_f16, round_operands;
QuantizeRows quantize_rows_bytes, quantize_rows_words, quantize_rows_paired_words, quantize_rows_int8;
MatmulF matmul_f32, matmul_f16, matmul_bf16, matmul_b;
MatmulQ matmul_q;      // any quantized type
UnpackRow unpack_row;  // any type
Rope rope, rope_bf16, rope_f16;
StoreKv store_kv_f32, store_kv_f16, store_kv_bf16, store_kv_q8_0;
Attention attention_f32, attention_f16, attention_bf16, attention_q8_0;
Gate silu_mul, silu_mul_bf16, silu_mul_f16, gelu_tanh_mul, gelu_tanh_mul_bf16, gelu_tanh_mul_f16,
    gelu_erf_mul;
Elementwise soft_cap, soft_cap_bf16, soft_cap_f16;
Elementwise scale, scale_bf16, scale_f16;
Add add, add_bf16, add_f16;
Argmax argmax;
SumExp sum_exp;

// An operand of N-DOT-B: rounded to bf16, a magnitude under 2⁻⁵⁶ becomes +0, so that no product or sum can
// meet a denormal.
float round_operand_bf16(float x);

}  // namespace isobatch::kernels::ref
