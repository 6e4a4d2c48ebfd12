// A step on its way through the layers, and how its work is cut for the threads.
#pragma once

#include <algorithm>

#include "model/transformer.h"
#include "model/workspace.h"

namespace isobatch::model {

// parallel_for, its items timed where there is a profile.
template <typename Body>
void run_items(const Execution& execution, int items, int groups, Body&& body) {
  if (execution.profile) execution.profile->start_items();
  execution.threads.parallel_for(items, groups, [&](int item, int thread) {
    const ProfileItem timed(execution.profile, thread);
    body(item, thread);
  });
}

template <typename Body>
void run_items(const Execution& execution, int items, Body&& body) {
  run_items(execution, items, 1, body);
}

// Ranges of rows that one thread or some take through all operations of a step, as far as they are balanced:
// what an operation writes, the next one finds in the cache of its core, and not in another's. Fewer rows
// than these would make the unpacking of weights dear, which each range does for itself.
inline int row_ranges(const Execution& execution, int rows) {
  constexpr int kLeastRows = 128;
  return std::clamp(rows / kLeastRows, 1, execution.threads.size());
}

// body(begin, end) over [0, rows) in pieces of at least `grain` rows.
template <typename Body>
void for_rows(const Execution& execution, int rows, int grain, Body&& body) {
  const int pieces = std::clamp(rows / grain, 1, 4 * execution.threads.size());
  run_items(execution, pieces, row_ranges(execution, rows), [&](int piece, int /*thread*/) {
    body(rows * static_cast<std::int64_t>(piece) / pieces,
         rows * static_cast<std::int64_t>(piece + 1) / pieces);
  });
}

struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  float scale = 0;
  float soft_cap = 0;  // of the scores; 0: none
};

// A step on its way through the layers.
struct Pass {
  const Step& step;
  const KvMemory& kv;
  const Execution& execution;
  kernels::Rounding rounding;  // of the results of operations
  bool int8_activations;       // meet quantized weights, instead of those of 12 bits
  AttentionShape shape;
  int layer = -1;  // -1: before the layers

  int rows() const { return static_cast<int>(step.tokens.size()); }
  kernels::QuantForm quant_form(int quantized_rows) const {
    return int8_activations ? kernels::QuantForm::int8 : execution.kernels.quant_form(quantized_rows);
  }
  Workspace& w() const { return execution.workspace; }
  // All but the first layer add the output of the one before to x.
  bool is_first_layer() const { return layer == 0; }
};

// After each operation, with its results [rows][n]. Tells the observer; in dtype f16 notes the operation for
// rows of logits whose results are not all finite, where none is noted yet.
void finish_operation(const Pass& pass, const char* operation, const float* results, std::ptrdiff_t n);

}  // namespace isobatch::model
