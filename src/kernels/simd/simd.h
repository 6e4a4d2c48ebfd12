// The tables that Highway's sources make. Calling into one needs a CPU that has its instructions.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::kernels {

#if defined(__x86_64__)
const KernelTable& avx2_table();    // AVX2, FMA, F16C, BMI2
const KernelTable& avx512_table();  // and AVX-512 F, BW, CD, DQ, VL
#elif defined(__aarch64__)
const KernelTable& neon_table();
#endif

}  // namespace isobatch::kernels
