// The rotary embedding of a model: N-ROPE's inverse frequencies, with the scalings that stretch a context.
#pragma once

#include <vector>

#include "model/source.h"

namespace isobatch::model {

struct Rope {
  std::vector<double> inverse_frequencies;  // [rotary dimensions / 2]
  float magnitude = 1.0f;                   // of cos and sin
  int dimensions() const { return 2 * static_cast<int>(inverse_frequencies.size()); }
};

// theta^(−2i/dimensions)
Rope plain_rope(int dimensions, double theta);

// What the file asks for; `context` is the number of positions that a request may use. Scalings: linear;
// llama3; yarn (Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023);
// longrope (Ding et al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens", 2024), whose set
// of factors follows `context`, never the length of a request. Throws Error: unsupported for another scaling
// or a parameter of one that is not read, corrupt_file for values that make no sense.
Rope read_rope(const Source& source, int head_dim, int context);

}  // namespace isobatch::model
