#include "model/llama_config.h"

#include <fmt/format.h>

#include "isobatch/error.h"

namespace isobatch::model {
namespace {

// A metadata integer in [1, limit]; limits are far above any model and keep products of them in 64 bits.
int require_count(const formats::GgufFile& file, std::string_view key, std::int64_t limit) {
  const std::int64_t value = file.require_int(key);
  if (value < 1 || value > limit) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: {} is {}, expected 1 to {}", file.path().string(), key, value, limit));
  }
  return static_cast<int>(value);
}

int count_or(const formats::GgufFile& file, std::string_view key, std::int64_t limit, int otherwise) {
  return file.get_int(key) ? require_count(file, key, limit) : otherwise;
}

[[noreturn]] void unsupported(const formats::GgufFile& file, const std::string& what) {
  throw Error(ErrorCode::unsupported, fmt::format("{}: {} is not supported by this build's llama family",
                                                  file.path().string(), what));
}

}  // namespace

LlamaConfig read_llama_config(const formats::GgufFile& file) {
  LlamaConfig c;
  c.layers = require_count(file, "llama.block_count", 10'000);
  c.hidden_size = require_count(file, "llama.embedding_length", 1 << 20);
  c.ffn_size = require_count(file, "llama.feed_forward_length", 1 << 24);
  c.context = require_count(file, "llama.context_length", 1 << 28);
  c.heads = require_count(file, "llama.attention.head_count", 1 << 16);
  c.kv_heads = count_or(file, "llama.attention.head_count_kv", 1 << 16, c.heads);
  c.head_dim = count_or(file, "llama.attention.key_length", 1 << 14, c.hidden_size / c.heads);
  const formats::Tensor* embedding = file.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2 || embedding->shape[0] > (1 << 28)) {
    throw Error(
        ErrorCode::corrupt_file,
        fmt::format("{}: token_embd.weight is missing or has no two dimensions", file.path().string()));
  }
  c.vocab_size = static_cast<int>(embedding->shape[0]);
  c.norm_eps = static_cast<float>(file.get_float("llama.attention.layer_norm_rms_epsilon").value_or(1e-5));
  c.rope_theta = file.get_float("llama.rope.freq_base").value_or(10000.0);

  if (c.heads % c.kv_heads != 0) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: {} query heads cannot share {} KV heads",
                                                     file.path().string(), c.heads, c.kv_heads));
  }
  if (!file.get_int("llama.attention.key_length") && c.hidden_size % c.heads != 0) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: hidden size {} is no multiple of {} heads",
                                                     file.path().string(), c.hidden_size, c.heads));
  }
  if (!(c.norm_eps >= 0) || !(c.rope_theta > 0) || c.rope_theta > 1e30) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: norm eps {} or rope base {} is out of range",
                                                     file.path().string(), c.norm_eps, c.rope_theta));
  }
  if (c.head_dim % 2 != 0) unsupported(file, fmt::format("an odd head_dim ({})", c.head_dim));
  if (const int value_dim = count_or(file, "llama.attention.value_length", 1 << 14, c.head_dim);
      value_dim != c.head_dim) {
    unsupported(file, fmt::format("a value head of {} beside a key head of {}", value_dim, c.head_dim));
  }
  if (const int rotary = count_or(file, "llama.rope.dimension_count", 1 << 14, c.head_dim);
      rotary != c.head_dim) {
    unsupported(file, fmt::format("rotary embedding of {} of {} dimensions", rotary, c.head_dim));
  }
  if (const std::string* scaling = file.get_string("llama.rope.scaling.type");
      scaling && *scaling != "none") {
    unsupported(file, fmt::format("rope scaling '{}'", *scaling));
  }
  if (file.get_int("llama.expert_count").value_or(0) > 0) unsupported(file, "a mixture of experts");
  return c;
}

}  // namespace isobatch::model
