// The llama family: Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023; Grattafiori
// et al., "The Llama 3 Herd of Models", 2024; Jiang et al., "Mistral 7B", 2023.
#include "model/llama.h"

#include "model/families.h"

namespace isobatch::model {

void Llama::load_layer(WeightLoader& loader, int index) {
  add_layer({
      .attention_norm = load_norm(loader, index, "attn_norm", config_.hidden_size),
      .attention = load_attention(loader, index),
      .ffn_norm = load_norm(loader, index, "ffn_norm", config_.hidden_size),
      .ffn = load_feed_forward(loader, index),
  });
}

void Llama::add_layer(Layer layer) {
  count(layer.attention);
  count(layer.ffn);
  layers_.push_back(std::move(layer));
}

void Llama::run_layer(int index, const Pass& pass) const {
  const Layer& l = layers_[index];
  project_qkv(pass, {.add = !pass.is_first_layer(), .norm = l.attention_norm}, l.attention);
  rotate(pass, 0);
  attend(pass, index, config_.windows[index]);
  project_output(pass, l.attention);

  feed_forward(pass, {.add = true, .norm = l.ffn_norm}, l.ffn, Activation::silu);
}

std::unique_ptr<Transformer> load_llama(const Source& source, Semantics& semantics, const Loading& loading) {
  const DecoderConfig config = read_config(source);
  check_activation(source, {"silu"});
  resolve_context(config, semantics);
  DecoderTraits traits{.ropes = {read_rope(source, config.head_dim, semantics.context)}};
  return load_decoder<Llama>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
