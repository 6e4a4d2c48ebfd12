// Hyper-parameters of the llama family, read from GGUF metadata and checked against each other.
#pragma once

#include "formats/gguf.h"

namespace isobatch::model {

struct LlamaConfig {
  int layers = 0;
  int hidden_size = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn_size = 0;
  int vocab_size = 0;
  int context = 0;  // positions the model was trained for
  float norm_eps = 0;
  double rope_theta = 0;
};

// Throws Error: corrupt_file for a missing or impossible value, unsupported for what this family has
// elsewhere and not here (rope scaling, partial rotary, experts), each named with its key.
LlamaConfig read_llama_config(const formats::GgufFile& file);

}  // namespace isobatch::model
