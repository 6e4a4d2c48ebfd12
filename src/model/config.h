// Hyper-parameters that the families share, read from the file and checked against each other.
#pragma once

#include <vector>

#include "isobatch/options.h"
#include "model/source.h"

namespace isobatch::model {

struct DecoderConfig {
  int layers = 0;
  int hidden_size = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn_size = 0;
  int vocab_size = 0;
  int context = 0;  // positions the model was trained for
  float norm_eps = 0;
  float attention_scale = 0;  // of the scores: 1/√head_dim
  std::vector<int> windows;   // [layers] keys that a query sees, its own the last; 0: all
};

// Throws Error: corrupt_file for a missing or impossible value, unsupported for what no family here can do
// (experts, value heads of another size), each named with its key.
// Where the file has a window but does not say which layers have it, every `window_period`-th layer sees all
// keys; 0: none does.
DecoderConfig read_config(const Source& source, int window_period = 0);

int vocabulary_size(const Source& source);

// Error(unsupported) unless the file's activation is one of these names, or it names none.
void check_activation(const Source& source, std::initializer_list<std::string_view> names);

// Resolves `semantics.context` by the model's. Error(invalid_argument) when it is outside.
void resolve_context(const DecoderConfig& config, Semantics& semantics);

}  // namespace isobatch::model
