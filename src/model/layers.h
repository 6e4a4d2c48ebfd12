// What the families share: the parts of a layer, as operations over all rows of a step that are cut into
// outputs for the threads. Activations are in the Workspace, a row for each token of the step.
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

struct Linear {
  kernels::PackedMatrix weights;  // [outputs, depth]
  std::span<const float> bias;    // [outputs], or empty
};

struct Norm {
  std::span<const float> weight;  // [n]
  float eps = 0;
  bool rounds_once = false;  // Gemma's: the result alone is rounded, not x / rms before the weight
};

struct AttentionWeights {
  Linear q, k, v;  // [heads · head_dim, hidden], [kv_heads · head_dim, hidden]
  Linear o;        // [hidden, heads · head_dim]
};

struct FeedForwardWeights {
  Linear gate, up;  // [ffn, hidden]
  Linear down;      // [hidden, ffn]
};

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
  AttentionShape shape;
  int layer = -1;  // -1: before the layers

  int rows() const { return static_cast<int>(step.tokens.size()); }
  Workspace& w() const { return execution.workspace; }
  // All but the first layer add the output of the one before to x.
  bool is_first_layer() const { return layer == 0; }
};

// After each operation, with its results [rows][n]. Tells the observer; in dtype f16 notes the operation for
// rows of logits whose results are not all finite, where none is noted yet.
void finish_operation(const Pass& pass, const char* operation, const float* results, std::ptrdiff_t n);

struct Projection {
  const Linear* linear;
  float* out;  // [rows][outputs]
};

// out = x · Wᵀ + bias for matrices of one depth that share their input x [rows][depth]. The matrices are
// WeightLoader's of the dtype: with results in bf16 the product is N-DOT-B.
void project(const Pass& pass, const float* x, int rows, std::span<const Projection> projections);

// out [rows][n] = norm(x [rows][n]), n that of the weight; out may be x.
void normalize(const Pass& pass, const Norm& norm, const float* x, int rows, float* out);

// x takes what the part before has left in `projected` (not at the start of the first layer);
// normed = norm(x).
void add_and_normalize(const Pass& pass, bool add, const Norm& norm);

void normalize_output(const Pass& pass, const Norm& norm);  // projected = norm(projected)
// q, k = norm of each head.
void normalize_heads(const Pass& pass, const Norm& q_norm, const Norm& k_norm);

void project_qkv(const Pass& pass, const AttentionWeights& weights);  // normed → q, k, v
void rotate(const Pass& pass, std::size_t rope);                      // q, k, by Workspace::rope[rope]
// K and V of the step's rows are rounded to the KV dtype and stored in their pages; then causal attention of
// all segments, in the last `window` keys where there is one: q → attended.
void attend(const Pass& pass, int layer, int window);
void project_output(const Pass& pass, const AttentionWeights& weights);  // attended → projected

enum class Activation { silu, gelu_tanh };
// normed → projected = down(activation(gate) · up)
void feed_forward(const Pass& pass, const FeedForwardWeights& weights, Activation activation);

}  // namespace isobatch::model
