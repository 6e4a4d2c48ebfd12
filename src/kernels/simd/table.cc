// The tables of this folder, one for each instruction set: a copy of ref with the entries that are
// overridden.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/table.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/simd.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

void use_rms_norm(KernelTable& table);
void use_quantize_rows(KernelTable& table);
void use_elementwise(KernelTable& table);
void use_matmul_f(KernelTable& table);
void use_matmul_q(KernelTable& table);
void use_matmul_q8(KernelTable& table);
void use_attention(KernelTable& table);
void use_unpack_row(KernelTable& table);
const AttentionSteps& bf16_attention_steps();

KernelTable make_table(std::string_view name) {
  KernelTable table = ref_table();
  table.name = name;
  use_rms_norm(table);
  use_quantize_rows(table);
  use_elementwise(table);
  use_matmul_f(table);
  use_matmul_q(table);
  use_matmul_q8(table);
  use_attention(table);
  use_unpack_row(table);
  return table;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE

namespace isobatch::kernels {

#if HWY_ARCH_X86
const KernelTable& avx2_table() {
  static const KernelTable table = N_AVX2::make_table("avx2");
  return table;
}
const KernelTable& avx512_table() {
  static const KernelTable table = N_AVX3::make_table("avx512");
  return table;
}
const AttentionSteps& avx2_attention_steps() { return N_AVX2::bf16_attention_steps(); }
const AttentionSteps& avx512_attention_steps() { return N_AVX3::bf16_attention_steps(); }
#elif HWY_ARCH_ARM_A64
const KernelTable& neon_table() {
  static const KernelTable table = N_NEON::make_table("neon");
  return table;
}
#endif

}  // namespace isobatch::kernels
#endif  // HWY_ONCE
