// Phi-3 and Phi-4-mini: Abdin et al., "Phi-3 Technical Report", 2024. Llama's layer; Q, K and V are one
// matrix in the file, gate and up another. They are cut apart when they are loaded.
#include "model/families.h"
#include "model/llama.h"

namespace isobatch::model {
namespace {

class Phi3 final : public Llama {
 public:
  using Llama::Llama;

 private:
  void load_layer(WeightLoader& loader, int index) override {
    const int hidden = config_.hidden_size, ffn = config_.ffn_size;
    const int q = config_.heads * config_.head_dim, kv = config_.kv_heads * config_.head_dim;
    const auto rows = [&](const char* part, int first_row, int outputs, int all) {
      return Linear{.weights = loader.matrix_rows(tensor_name(index, part), all, first_row, outputs, hidden),
                    .bias = {}};
    };
    add_layer({
        .attention_norm = load_norm(loader, index, "attn_norm", hidden),
        .attention = {.q = rows("attn_qkv", 0, q, q + 2 * kv),
                      .k = rows("attn_qkv", q, kv, q + 2 * kv),
                      .v = rows("attn_qkv", q + kv, kv, q + 2 * kv),
                      .o = load_linear(loader, index, "attn_output", hidden, q)},
        .ffn_norm = load_norm(loader, index, "ffn_norm", hidden),
        .ffn = {.gate = rows("ffn_up", 0, ffn, 2 * ffn),
                .up = rows("ffn_up", ffn, ffn, 2 * ffn),
                .down = load_linear(loader, index, "ffn_down", hidden, ffn)},
    });
  }
};

}  // namespace

std::unique_ptr<Transformer> load_phi3(const Source& source, Semantics& semantics, const Loading& loading) {
  const DecoderConfig config = read_config(source);
  check_activation(source, {"silu"});
  resolve_context(config, semantics);
  DecoderTraits traits{.ropes = {read_rope(source, config.head_dim, semantics.context)}};
  return load_decoder<Phi3>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
