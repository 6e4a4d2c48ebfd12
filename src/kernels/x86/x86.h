// Tables whose matrix products need instructions that Highway has no word for.
#pragma once

#include "kernels/kernels.h"
#include "kernels/peak.h"

namespace isobatch::kernels {

const KernelTable& vnni_table();  // avx512_table() with N-DOT-Q by vpdpbusd
const KernelTable& amx_table();   // vnni_table() with N-DOT-Q and N-DOT-B by tile products
void use_amx_bf16(KernelTable& table);

PeakLoops avx2_peak_loops();
PeakLoops avx512_peak_loops();
PeakLoops vnni_peak_loops();
PeakLoops amx_peak_loops();

}  // namespace isobatch::kernels
