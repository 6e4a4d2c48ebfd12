// Hugging Face's names for what the families call by GGUF's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobatch::model {

// "gemma3_text" → "gemma3"; what is not in the table stays as it is.
std::string architecture_of_hf(std::string_view model_type);

// Keys of config.json, dotted, that a hyper-parameter may have, the preferred one first: at least one.
std::vector<std::string> hf_keys(std::string_view key);

// "blk.3.attn_q.weight" → "model.layers.3.self_attn.q_proj.weight"
std::string hf_tensor_name(std::string_view architecture, std::string_view name);

}  // namespace isobatch::model
