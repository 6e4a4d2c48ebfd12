// The tables that Highway's sources make. Calling into one needs a CPU that has its instructions.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::kernels {

// What N-ATT-B does around its two products, for kernels that make those in another way.
struct AttentionSteps {
  void (*round_queries)(const AttentionTask& task, float* q);  // all rows, to bf16: [rows][head_dim]
  // p [rows][padded_keys], p_stride apart: scores to weights; `denominators` [rows].
  void (*weigh)(const AttentionTask& task, float* p, std::ptrdiff_t p_stride, float* denominators);
  // sums [rows][padded_head_dim] += the block's values that each row sees.
  void (*add_values)(const AttentionTask& task, int first_key, const float* p, std::ptrdiff_t p_stride,
                     float* sums);
  void (*divide)(const AttentionTask& task, const float* sums, const float* denominators);  // to out
};

#if defined(__x86_64__)
const KernelTable& avx2_table();    // AVX2, FMA, F16C, BMI2
const KernelTable& avx512_table();  // and AVX-512 F, BW, CD, DQ, VL
const AttentionSteps& avx2_attention_steps();
const AttentionSteps& avx512_attention_steps();
#elif defined(__aarch64__)
const KernelTable& neon_table();
#endif

}  // namespace isobatch::kernels
