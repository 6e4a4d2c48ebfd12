// Gemma 3: Gemma Team, "Gemma 3 Technical Report", 2025. Gemma 2's layer without soft-caps; heads of Q and K
// are normalized before they are rotated; five layers in a window, with a rotary base of their own, to one
// that sees everything.
#include <fmt/format.h>

#include "model/families.h"
#include "model/gemma.h"

namespace isobatch::model {
namespace {

constexpr std::size_t kGlobalRope = 0, kLocalRope = 1;

class Gemma3 final : public Decoder {
 public:
  using Decoder::Decoder;

 private:
  struct Layer : GemmaLayer {
    Norm q_norm, k_norm;  // [head_dim]
  };

  void load_layer(WeightLoader& loader, int index) override {
    const int hidden = config_.hidden_size;
    Layer& l = layers_.emplace_back();
    l.attention_norm = load_norm(loader, index, "attn_norm", hidden);
    l.attention = load_attention(loader, index);
    l.q_norm = load_norm(loader, index, "attn_q_norm", config_.head_dim);
    l.k_norm = load_norm(loader, index, "attn_k_norm", config_.head_dim);
    l.post_attention_norm = load_norm(loader, index, "post_attention_norm", hidden);
    l.ffn_norm = load_norm(loader, index, "ffn_norm", hidden);
    l.ffn = load_feed_forward(loader, index);
    l.post_ffn_norm = load_norm(loader, index, "post_ffw_norm", hidden);
    count(l.attention);
    count(l.ffn);
  }

  void run_layer(int index, const Pass& pass) const override {
    const Layer& l = layers_[index];
    const int window = config_.windows[index];
    project_qkv(pass, {.add = !pass.is_first_layer(), .norm = l.attention_norm}, l.attention);
    normalize_heads(pass, l.q_norm, l.k_norm);
    rotate(pass, window > 0 ? kLocalRope : kGlobalRope);
    attend(pass, index, window);
    project_output(pass, l.attention);
    normalize_output(pass, l.post_attention_norm);

    feed_forward(pass, {.add = true, .norm = l.ffn_norm}, l.ffn, Activation::gelu_tanh);
    normalize_output(pass, l.post_ffn_norm);
  }

  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Transformer> load_gemma3(const Source& source, Semantics& semantics, const Loading& loading) {
  DecoderConfig config = read_config(source, /*window_period=*/6);
  check_activation(source, {"gelu_pytorch_tanh"});
  resolve_context(config, semantics);
  DecoderTraits traits = gemma_traits(source, config, /*large_layers=*/62);
  const double local_base = source.get_float("rope.freq_base_swa").value_or(10000.0);
  if (!(local_base > 0) || local_base > 1e30) {
    source.fail_corrupt(fmt::format("the rotary base of layers in a window is {}", local_base));
  }
  const std::string* local_scaling = source.get_string("rope_parameters.sliding_attention.rope_type");
  if (local_scaling && *local_scaling != "default") {
    source.fail_unsupported(fmt::format("rope scaling '{}' in layers with a window", *local_scaling));
  }
  traits.ropes = {read_rope(source, config.head_dim, semantics.context),
                  plain_rope(config.head_dim, local_base)};
  return load_decoder<Gemma3>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
