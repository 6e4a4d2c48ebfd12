// The operations of a forward pass as one request sees them, under names that are the same in every engine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::audit {

// Operations in the order of execution. In brackets: the result's width for each token.
enum class Op {
  embedding,           // [hidden]
  attention_norm,      // [hidden] normalized input of attention
  q,                   // [heads · head_dim] projections, bias included
  k,                   // [kv_heads · head_dim]
  v,                   // [kv_heads · head_dim]
  q_rope,              // [heads · head_dim], head_dim in Hugging Face's order
  k_rope,              // [kv_heads · head_dim]
  attention,           // [heads · head_dim] before the output projection
  attention_output,    // [hidden]
  attention_residual,  // [hidden] the stream after attention
  ffn_norm,            // [hidden]
  gate,                // [ffn]
  up,                  // [ffn]
  activation,          // [ffn] activation(gate) · up
  down,                // [hidden]
  ffn_residual,        // [hidden] the stream after the layer
  final_norm,          // [hidden]
  logits,              // [vocab]
};
inline constexpr int kOps = 18;
std::string_view name_of(Op op);  // "attention_norm"
bool is_in_layer(Op op);          // all but embedding, final_norm and logits

// Operations whose results `op` reads: in the same layer, but attention_norm and final_norm, which read the
// ffn_residual of the layer before (the embedding in the first).
std::vector<Op> inputs_of(Op op);

struct TracedOp {
  Op op = Op::embedding;
  int layer = -1;  // -1 outside of layers
  int step = 0;    // 0: the prompt; then one for each new token
  int tokens = 0;  // of the request in this step, padding left out
  int width = 0;
  std::vector<float> values;  // [tokens][width]; final_norm and logits may hold the last token only
};
// "layers.3.attention", "logits"
std::string full_name(Op op, int layer);

struct Trace {
  std::vector<TracedOp> ops;  // in the order of execution; those that an engine cannot see are left out
};

}  // namespace isobatch::audit
