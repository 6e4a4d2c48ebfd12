// Gemma 2: Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024. Norms before and
// after each half of a layer, every other layer in a window, soft-capped scores and logits.
#include "model/families.h"
#include "model/gemma.h"

namespace isobatch::model {
namespace {

class Gemma2 final : public Decoder {
 public:
  using Decoder::Decoder;

 private:
  void load_layer(WeightLoader& loader, int index) override {
    const int hidden = config_.hidden_size;
    const GemmaLayer& l = layers_.emplace_back(GemmaLayer{
        .attention_norm = load_norm(loader, index, "attn_norm", hidden),
        .post_attention_norm = load_norm(loader, index, "post_attention_norm", hidden),
        .attention = load_attention(loader, index),
        .ffn_norm = load_norm(loader, index, "ffn_norm", hidden),
        .post_ffn_norm = load_norm(loader, index, "post_ffw_norm", hidden),
        .ffn = load_feed_forward(loader, index),
    });
    count(l.attention);
    count(l.ffn);
  }

  void run_layer(int index, const Pass& pass) const override {
    const GemmaLayer& l = layers_[index];
    project_qkv(pass, {.add = !pass.is_first_layer(), .norm = l.attention_norm}, l.attention);
    rotate(pass, 0);
    attend(pass, index, config_.windows[index]);
    project_output(pass, l.attention);
    normalize_output(pass, l.post_attention_norm);

    feed_forward(pass, {.add = true, .norm = l.ffn_norm}, l.ffn, Activation::gelu_tanh);
    normalize_output(pass, l.post_ffn_norm);
  }

  std::vector<GemmaLayer> layers_;
};

}  // namespace

std::unique_ptr<Transformer> load_gemma2(const Source& source, Semantics& semantics, const Loading& loading) {
  DecoderConfig config = read_config(source, /*window_period=*/2);
  check_activation(source, {"gelu_pytorch_tanh"});
  resolve_context(config, semantics);
  DecoderTraits traits = gemma_traits(source, config, /*large_layers=*/46);
  traits.ropes = {read_rope(source, config.head_dim, semantics.context)};
  return load_decoder<Gemma2>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
