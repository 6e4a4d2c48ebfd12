// What Gemma 2 and 3 have in common.
#pragma once

#include "model/decoder.h"

namespace isobatch::model {

// Norms before and after each half of a layer; tanh-GELU in the feed-forward.
struct GemmaLayer {
  Norm attention_norm, post_attention_norm;  // [hidden]
  AttentionWeights attention;
  Norm ffn_norm, post_ffn_norm;  // [hidden]
  FeedForwardWeights ffn;
};

// Embeddings times √hidden, norms that add one to their weights, soft-caps where the file has them, scores
// scaled by the file's own number. In GGUF files that name none it is 1/√head_dim, but for the family's 27B
// model, known by its `large_layers`: 1/√(hidden / heads).
DecoderTraits gemma_traits(const Source& source, DecoderConfig& config, int large_layers);

}  // namespace isobatch::model
