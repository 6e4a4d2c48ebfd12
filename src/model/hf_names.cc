#include "model/hf_names.h"

#include <fmt/format.h>

#include <utility>

namespace isobatch::model {
namespace {

using Row = std::pair<std::string_view, std::string_view>;  // GGUF's name, Hugging Face's

constexpr Row kArchitectures[] = {{"llama", "mistral"}, {"gemma3", "gemma3_text"}};

constexpr Row kKeys[] = {
    {"block_count", "num_hidden_layers"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.key_length", "head_dim"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"attention.sliding_window", "sliding_window"},
    {"attention.sliding_window_pattern", "sliding_window_pattern"},
    {"rope.freq_base", "rope_theta"},
    {"rope.freq_base_swa", "rope_local_base_freq"},
};

// Parameters of the rotary embedding stand in rope_scaling (older files) or rope_parameters, there in
// full_attention where layers differ; some have stood at the top as well.
constexpr Row kRopeKeys[] = {
    {"rope.freq_base", "rope_theta"},
    {"rope.scaling.type", "rope_type"},
    {"rope.scaling.factor", "factor"},
    {"rope.scaling.original_context_length", "original_max_position_embeddings"},
    {"rope.scaling.attention_factor", "attention_factor"},
    {"rope.scaling.yarn_beta_fast", "beta_fast"},
    {"rope.scaling.yarn_beta_slow", "beta_slow"},
    {"rope.scaling.truncate", "truncate"},
    {"rope.scaling.mscale", "mscale"},
    {"rope.scaling.low_freq_factor", "low_freq_factor"},
    {"rope.scaling.high_freq_factor", "high_freq_factor"},
    {"rope.scaling.long_factor", "long_factor"},
    {"rope.scaling.short_factor", "short_factor"},
    {"rope.partial_rotary_factor", "partial_rotary_factor"},
};

constexpr Row kTopTensors[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};

constexpr Row kLayerTensors[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};
// Families with a norm before and after each half of a layer.
constexpr Row kSandwichTensors[] = {
    {"post_attention_norm", "post_attention_layernorm"},
    {"ffn_norm", "pre_feedforward_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
};
constexpr Row kPhi3Tensors[] = {{"ffn_up", "mlp.gate_up_proj"}};

template <std::size_t kSize>
std::string_view find(const Row (&table)[kSize], std::string_view name) {
  for (const auto& [own, theirs] : table) {
    if (own == name) return theirs;
  }
  return {};
}

}  // namespace

std::string architecture_of_hf(std::string_view model_type) {
  for (const auto& [own, theirs] : kArchitectures) {
    if (theirs == model_type) return std::string(own);
  }
  return std::string(model_type);
}

std::vector<std::string> hf_keys(std::string_view key) {
  std::vector<std::string> keys;
  if (const auto theirs = find(kKeys, key); !theirs.empty()) keys.emplace_back(theirs);
  if (const auto theirs = find(kRopeKeys, key); !theirs.empty()) {
    for (const std::string_view parent :
         {"rope_parameters.", "rope_parameters.full_attention.", "rope_scaling.", ""}) {
      keys.push_back(fmt::format("{}{}", parent, theirs));
    }
  }
  if (key == "rope.scaling.type") keys.emplace_back("rope_scaling.type");
  if (key == "rope.freq_base_swa") keys.emplace_back("rope_parameters.sliding_attention.rope_theta");
  if (keys.empty()) keys.emplace_back(key);  // both call it the same
  return keys;
}

std::string hf_tensor_name(std::string_view architecture, std::string_view name) {
  const std::size_t suffix = name.rfind('.');  // ".weight", ".bias"
  std::string_view part = name.substr(0, suffix);
  if (const auto top = find(kTopTensors, part); !top.empty()) {
    return fmt::format("{}{}", top, name.substr(suffix));
  }
  if (!part.starts_with("blk.")) return std::string(name);
  part.remove_prefix(4);
  const std::string_view layer = part.substr(0, part.find('.'));
  part.remove_prefix(layer.size() + 1);
  std::string_view theirs;
  if (architecture.starts_with("gemma")) theirs = find(kSandwichTensors, part);
  if (architecture == "phi3") theirs = find(kPhi3Tensors, part);
  if (theirs.empty()) theirs = find(kLayerTensors, part);
  return fmt::format("model.layers.{}.{}{}", layer, theirs, name.substr(suffix));
}

}  // namespace isobatch::model
