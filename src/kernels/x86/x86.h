// Tables whose matrix products need instructions that Highway has no word for.
#pragma once

#include <array>

#include "kernels/kernels.h"
#include "kernels/peak.h"

namespace isobatch::kernels {

// How N-DOT-Q by vpdpbusd takes more than a few rows. The same bits.
enum class VnniManyRows {
  by_bytes,  // vnni_many_rows.cc
  by_pairs,  // of 16-bit words, with half the multiplications (vnni_pairs.cc)
};
VnniManyRows vnni_many_rows_here();  // the faster one on this CPU
const std::array<MatmulQ*, kTensorTypes>& vnni_many_rows();
const std::array<MatmulQ*, kTensorTypes>& vnni_pairs();
void use_vnni_int8(KernelTable& table);  // 8-bit activations
KernelTable make_vnni_table(VnniManyRows many_rows);

const KernelTable& vnni_table();  // avx512_table() with N-DOT-Q by vpdpbusd
const KernelTable& amx_table();   // vnni_table() with N-DOT-Q, N-DOT-B and N-ATT-B by tile products
void use_amx_bf16(KernelTable& table);
void use_amx_attention(KernelTable& table);

PeakLoops avx2_peak_loops();
PeakLoops avx512_peak_loops();
PeakLoops vnni_peak_loops();
PeakLoops amx_peak_loops();

}  // namespace isobatch::kernels
