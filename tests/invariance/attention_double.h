// Scalar N-ATT-B with room for faults. Without any it has ref's bits.
#pragma once

#include "kernels/kernels.h"

namespace isobatch::invariance {

struct AttentionFaults {
  bool multiplies_masked_values = false;  // p = +0 for the keys that follow in the block, times their V
  bool blocks_from_chunk = false;         // blocks of the sum over keys begin at the chunk's first position
  bool unrounded_keys = false;            // of the rows that are computed in this call
  bool unrounded_values = false;
};

// ref with this attention, and with the store_kv that it needs, for KV bf16.
const kernels::KernelTable& attention_double();
const kernels::KernelTable& attention_of_masked_values();
const kernels::KernelTable& attention_in_blocks_from_chunk();
const kernels::KernelTable& attention_with_unrounded_keys();
const kernels::KernelTable& attention_with_unrounded_values();

}  // namespace isobatch::invariance
