// Qwen2 and Qwen2.5: Yang et al., "Qwen2 Technical Report", 2024. Llama's layer with biases in Q, K and V.
#include <fmt/format.h>

#include "model/families.h"
#include "model/llama.h"

namespace isobatch::model {

std::unique_ptr<Transformer> load_qwen2(const Source& source, Semantics& semantics, const Loading& loading) {
  const DecoderConfig config = read_config(source);
  check_activation(source, {"silu"});
  for (int i = 0; i < config.layers; ++i) {
    for (const char* part : {"attn_q", "attn_k", "attn_v"}) {
      const std::string name = fmt::format("blk.{}.{}.bias", i, part);
      if (!source.find(name)) source.fail_corrupt(source.own_name(name) + ": the file has no such tensor");
    }
  }
  resolve_context(config, semantics);
  DecoderTraits traits{.ropes = {read_rope(source, config.head_dim, semantics.context)}};
  return load_decoder<Llama>(source, config, traits, semantics, loading);
}

}  // namespace isobatch::model
