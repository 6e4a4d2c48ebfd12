#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "isobatch/error.h"

namespace isobatch::model {
namespace {

// Limits are far above any model and keep products of them in 64 bits.
constexpr std::int64_t kMaxLayers = 10'000, kMaxHidden = 1 << 20, kMaxFfn = 1 << 24, kMaxContext = 1 << 28,
                       kMaxHeads = 1 << 16, kMaxHeadDim = 1 << 14, kMaxVocabulary = 1 << 28;

std::vector<int> read_windows(const Source& source, int layers, int period) {
  std::vector<int> windows(layers, 0);
  const int window = source.count_or("attention.sliding_window", kMaxContext, 0);
  if (window == 0) return windows;
  if (const std::vector<std::string>* types = source.get_strings("layer_types")) {
    if (static_cast<int>(types->size()) != layers) {
      source.fail_corrupt(fmt::format("layer_types has {} entries for {} layers", types->size(), layers));
    }
    for (int i = 0; i < layers; ++i) {
      if ((*types)[i] == "sliding_attention") {
        windows[i] = window;
      } else if ((*types)[i] != "full_attention") {
        source.fail_unsupported(fmt::format("layer type '{}'", (*types)[i]));
      }
    }
    return windows;
  }
  if (const auto use = source.get_bool("use_sliding_window")) {  // Qwen's: the layers from one on
    const auto first = source.get_int("max_window_layers").value_or(0);
    for (int i = 0; *use && i < layers; ++i) windows[i] = i >= first ? window : 0;
    return windows;
  }
  period = source.count_or("attention.sliding_window_pattern", kMaxLayers, period);
  for (int i = 0; i < layers; ++i) windows[i] = period > 0 && (i + 1) % period == 0 ? 0 : window;
  return windows;
}

}  // namespace

int vocabulary_size(const Source& source) {
  const formats::Tensor* embedding = source.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2 || embedding->shape[0] > kMaxVocabulary) {
    source.fail_corrupt(source.own_name("token_embd.weight") + " is missing or has no two dimensions");
  }
  return static_cast<int>(embedding->shape[0]);
}

DecoderConfig read_config(const Source& source, int window_period) {
  DecoderConfig c;
  c.layers = source.require_count("block_count", kMaxLayers);
  c.hidden_size = source.require_count("embedding_length", kMaxHidden);
  c.ffn_size = source.require_count("feed_forward_length", kMaxFfn);
  c.context = source.require_count("context_length", kMaxContext);
  c.heads = source.require_count("attention.head_count", kMaxHeads);
  c.kv_heads = source.count_or("attention.head_count_kv", kMaxHeads, c.heads);
  c.head_dim = source.count_or("attention.key_length", kMaxHeadDim, c.hidden_size / c.heads);
  c.vocab_size = vocabulary_size(source);
  c.norm_eps = static_cast<float>(source.get_float("attention.layer_norm_rms_epsilon").value_or(1e-5));
  c.attention_scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  c.windows = read_windows(source, c.layers, window_period);

  if (c.heads % c.kv_heads != 0) {
    source.fail_corrupt(fmt::format("{} query heads cannot share {} KV heads", c.heads, c.kv_heads));
  }
  if (!source.get_int("attention.key_length") && c.hidden_size % c.heads != 0) {
    source.fail_corrupt(fmt::format("hidden size {} is no multiple of {} heads", c.hidden_size, c.heads));
  }
  if (!(c.norm_eps >= 0)) source.fail_corrupt(fmt::format("norm eps {} is out of range", c.norm_eps));
  if (c.head_dim % 2 != 0) source.fail_unsupported(fmt::format("an odd head_dim ({})", c.head_dim));
  if (const int value_dim = source.count_or("attention.value_length", kMaxHeadDim, c.head_dim);
      value_dim != c.head_dim) {
    source.fail_unsupported(fmt::format("a value head of {} beside a key head of {}", value_dim, c.head_dim));
  }
  if (source.get_int("expert_count").value_or(0) > 0) source.fail_unsupported("a mixture of experts");
  return c;
}

void check_activation(const Source& source, std::initializer_list<std::string_view> names) {
  for (const char* key : {"hidden_activation", "hidden_act"}) {
    const std::string* name = source.get_string(key);
    if (name == nullptr) continue;
    if (std::ranges::find(names, *name) == names.end()) {
      source.fail_unsupported(fmt::format("{} '{}'", key, *name));
    }
    return;  // the first one rules
  }
}

void resolve_context(const DecoderConfig& config, Semantics& semantics) {
  if (semantics.context == 0) semantics.context = config.context;
  if (semantics.context < 0 || semantics.context > config.context) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("context {}: expected 1 to {}, what the model was trained for", semantics.context,
                            config.context));
  }
}

}  // namespace isobatch::model
