// Buffers of a forward pass. They grow to the widest step and are then reused: a step allocates nothing.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/kernels.h"
#include "model/rope_table.h"
#include "model/transformer.h"

namespace isobatch::model {

// N-QUANT's output, with its memory.
class QuantizedBuffer {
 public:
  // With room for the sums of half blocks where a type wants them (QuantLayout::scaled), and for the products
  // of pairs where the form has them.
  const kernels::QuantizedRows& resize(int rows, int depth, bool half_sums, kernels::QuantForm form);

 private:
  kernels::QuantizedRows view_;
  AlignedVector<std::int8_t> values_;
  AlignedVector<float> scales_, scaled_sums_;
  AlignedVector<std::int32_t> sums_, half_sums_, pair_products_;
};

using KeyBlocks = std::vector<const std::byte*>;  // AttentionTask::blocks

class Workspace {
 public:
  // Grows `buffer` to at least `n` values; contents are unspecified.
  static float* grow(AlignedVector<float>& buffer, std::size_t n) {
    if (buffer.size() < n) buffer.resize(n);
    return buffer.data();
  }

  AlignedVector<float> x, normed, q, k, v, attended, projected, gate, up;  // [rows][…]
  AlignedVector<float> operands;                                           // of N-DOT-B [rows][depth]
  QuantizedBuffer quantized;
  std::vector<AlignedVector<float>> attention_scratch;      // [thread]
  AlignedVector<float> attention_scores, attention_sums;    // of tasks in parts
  std::vector<std::pair<KeyBlocks, KeyBlocks>> key_blocks;  // [thread], of an attention task and the next
  std::vector<RopeTable> rope;                              // one for each rope base of the model
};

}  // namespace isobatch::model
