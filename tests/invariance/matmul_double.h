// ref with faults in the matrix products.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::invariance {

// The sum over k in so many lanes, k to lane k mod lanes, then folded.
const kernels::KernelTable& matmul_in_8_lanes();
const kernels::KernelTable& matmul_in_16_lanes();
const kernels::KernelTable&
matmul_in_lanes_when_alone();  // 16 when there is one row, as ref when there are more
const kernels::KernelTable& matmul_b_in_lanes_when_alone();  // the same in the products of dtype bf16
const kernels::KernelTable& scale_over_the_batch();          // one N-QUANT scale a group, over all rows
const kernels::KernelTable& minima_joined_by_rows();         // of q4_1: in the chain of acc when rows > 1

}  // namespace isobatch::invariance
