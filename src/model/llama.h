// Llama's layer, which other families vary: pre-norm; grouped-query attention with rotary positions, in a
// window where the file has one; SwiGLU feed-forward. Touvron et al., "LLaMA: Open and Efficient Foundation
// Language Models", 2023.
#pragma once

#include <vector>

#include "model/decoder.h"

namespace isobatch::model {

class Llama : public Decoder {
 public:
  using Decoder::Decoder;

 protected:
  struct Layer {
    Norm attention_norm;  // [hidden]
    AttentionWeights attention;
    Norm ffn_norm;  // [hidden]
    FeedForwardWeights ffn;
  };

  void load_layer(WeightLoader& loader, int index) override;
  void run_layer(int index, const Pass& pass) const override;
  void add_layer(Layer layer);

 private:
  std::vector<Layer> layers_;
};

}  // namespace isobatch::model
