#include "model/gemma.h"

#include <fmt/format.h>

#include <cmath>

namespace isobatch::model {
namespace {

float soft_cap(const Source& source, std::string_view key) {
  const double cap = source.get_float(key).value_or(0.0);
  if (!(cap >= 0) || cap > 1e30) source.fail_corrupt(fmt::format("{} is {}", key, cap));
  return static_cast<float>(cap);
}

float scale_of_scores(const Source& source, const DecoderConfig& config, int large_layers) {
  if (const auto scale = source.get_float("attention.scale")) {
    if (!(*scale > 0) || *scale > 1e30) source.fail_corrupt(fmt::format("attention.scale is {}", *scale));
    return static_cast<float>(*scale);
  }
  double scalar = config.head_dim;
  if (const auto own = source.get_float("query_pre_attn_scalar")) {
    scalar = *own;
  } else if (config.layers == large_layers) {
    scalar = static_cast<double>(config.hidden_size) / config.heads;
  }
  if (!(scalar > 0)) source.fail_corrupt(fmt::format("query_pre_attn_scalar is {}", scalar));
  return 1.0f / std::sqrt(static_cast<float>(scalar));
}

}  // namespace

DecoderTraits gemma_traits(const Source& source, DecoderConfig& config, int large_layers) {
  config.attention_scale = scale_of_scores(source, config, large_layers);
  if (source.get_bool("use_bidirectional_attention").value_or(false)) {
    source.fail_unsupported("bidirectional attention");
  }
  return {.ropes = {},
          .norms_add_one = true,
          .embedding_scale = std::sqrt(static_cast<float>(config.hidden_size)),
          .attention_soft_cap = soft_cap(source, "attn_logit_softcapping"),
          .logit_soft_cap = soft_cap(source, "final_logit_softcapping")};
}

}  // namespace isobatch::model
