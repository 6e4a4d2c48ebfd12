// Qwen3: Yang et al., "Qwen3 Technical Report", 2025. Llama's layer, with a norm over each head of Q and K
// before they are rotated.
#include "model/decoder.h"
#include "model/families.h"

namespace isobatch::model {
namespace {

class Qwen3 final : public Decoder {
 public:
  using Decoder::Decoder;

 private:
  struct Layer {
    Norm attention_norm;  // [hidden]
    AttentionWeights attention;
    Norm q_norm, k_norm;  // [head_dim]
    Norm ffn_norm;        // [hidden]
    FeedForwardWeights ffn;
  };

  void load_layer(WeightLoader& loader, int index) override {
    const Layer& l = layers_.emplace_back(Layer{
        .attention_norm = load_norm(loader, index, "attn_norm", config_.hidden_size),
        .attention = load_attention(loader, index),
        .q_norm = load_norm(loader, index, "attn_q_norm", config_.head_dim),
        .k_norm = load_norm(loader, index, "attn_k_norm", config_.head_dim),
        .ffn_norm = load_norm(loader, index, "ffn_norm", config_.hidden_size),
        .ffn = load_feed_forward(loader, index),
    });
    count(l.attention);
    count(l.ffn);
  }

  void run_layer(int index, const Pass& pass) const override {
    const Layer& l = layers_[index];
    project_qkv(pass, {.add = !pass.is_first_layer(), .norm = l.attention_norm}, l.attention);
    normalize_heads(pass, l.q_norm, l.k_norm);
    rotate(pass, 0);
    attend(pass, index, config_.windows[index]);
    project_output(pass, l.attention);

    feed_forward(pass, {.add = true, .norm = l.ffn_norm}, l.ffn, Activation::silu);
  }

  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Transformer> load_qwen3(const Source& source, Semantics& semantics, const Loading& loading) {
  const DecoderConfig config = read_config(source);
  check_activation(source, {"silu"});
  resolve_context(config, semantics);
  DecoderTraits traits{.ropes = {read_rope(source, config.head_dim, semantics.context)}};
  return load_decoder<Qwen3>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
