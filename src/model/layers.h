// What the families share: the parts of a layer, as operations over all rows of a step that are cut into
// outputs for the threads. Activations are in the Workspace, a row for each token of the step.
#pragma once

#include <span>

#include "model/project.h"

namespace isobatch::model {

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

// What both halves of a layer begin with: x takes what the part before has left in `projected` (not at the
// start of the first layer); normed = norm(x).
struct PreNorm {
  bool add;
  const Norm& norm;
};

// out [rows][n] = norm(x [rows][n]), n that of the weight; out may be x.
void normalize(const Pass& pass, const Norm& norm, const float* x, int rows, float* out);

void normalize_output(const Pass& pass, const Norm& norm);  // projected = norm(projected)
// q, k = norm of each head.
void normalize_heads(const Pass& pass, const Norm& q_norm, const Norm& k_norm);

void project_qkv(const Pass& pass, const PreNorm& norm, const AttentionWeights& weights);  // x → q, k, v
void rotate(const Pass& pass, std::size_t rope);  // q, k, by Workspace::rope[rope]
// K and V of the step's rows are rounded to the KV dtype and stored in their pages; then causal attention of
// all segments, in the last `window` keys where there is one: q → attended.
void attend(const Pass& pass, int layer, int window);
void project_output(const Pass& pass, const AttentionWeights& weights);  // attended → projected

enum class Activation { silu, gelu_tanh };
// x → projected = down(activation(gate) · up)
void feed_forward(const Pass& pass, const PreNorm& norm, const FeedForwardWeights& weights,
                  Activation activation);

}  // namespace isobatch::model
