// What the families share: operations over all rows of a step, cut into outputs for the threads.
#pragma once

#include <algorithm>
#include <span>

#include "model/transformer.h"
#include "model/workspace.h"

namespace isobatch::model {

// parallel_for, its items timed where there is a profile.
template <typename Body>
void run_items(const Execution& execution, int items, Body&& body) {
  if (execution.profile) execution.profile->start_items();
  execution.threads.parallel_for(items, [&](int item, int thread) {
    const ProfileItem timed(execution.profile, thread);
    body(item, thread);
  });
}

// body(begin, end) over [0, rows) in pieces of at least `grain` rows.
template <typename Body>
void for_rows(const Execution& execution, int rows, int grain, Body&& body) {
  const int pieces = std::clamp(rows / grain, 1, 4 * execution.threads.size());
  run_items(execution, pieces, [&](int piece, int /*thread*/) {
    body(rows * static_cast<std::int64_t>(piece) / pieces,
         rows * static_cast<std::int64_t>(piece + 1) / pieces);
  });
}

struct Projection {
  const kernels::PackedMatrix* weights;
  float* out;  // [rows][weights->outputs]
};

// out = x · Wᵀ for matrices of one depth that share their input x [rows][depth]. With results in bf16 the
// matrices are WeightLoader's of that dtype and the product is N-DOT-B.
void project(const Execution& execution, kernels::Rounding rounding, const float* x, int rows,
             std::span<const Projection> projections);

struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  float scale = 0;
};

// Rounds K and V of the step's rows to the KV dtype and stores them in their pages. k, v
// [rows][kv_heads][head_dim].
void store_kv(const Execution& execution, const Step& step, const KvMemory& kv, int layer,
              const AttentionShape& shape, const float* k, const float* v);

// Causal attention of all segments. q, out [rows][heads][head_dim].
void attend(const Execution& execution, kernels::Rounding rounding, const Step& step, const KvMemory& kv,
            int layer, const AttentionShape& shape, const float* q, float* out);

}  // namespace isobatch::model
