#include "tests/support/random_model.h"

#include <cmath>
#include <span>
#include <stdexcept>
#include <string>

#include "tests/support/gguf_writer.h"
#include "tests/support/quantize.h"
#include "tests/support/random.h"
#include "tests/support/random_blocks.h"
#include "tests/support/random_tokenizer.h"
#include "tests/support/temp_dir.h"

namespace isobatch::test {
namespace {

// Gains that keep the model from being dull: attention that prefers some keys, logits with a spread of
// about 3.
constexpr double kQueryGain = 2.0;
constexpr double kHeadGain = 3.0;
// Of the overflow token: the first number of its embedding, and the weight that this meets in V.
constexpr float kOverflowEmbedding = 8.0f;
constexpr float kOverflowWeight = 3e38f;

class ModelWriter {
 public:
  explicit ModelWriter(const RandomModelOptions& options) : o_(options), random_(options.seed) {}

  std::vector<std::byte> run() {
    check();
    add_hyperparameters();
    add_random_tokenizer(writer_, o_.vocab_size);
    matrix("token_embd.weight", o_.vocab_size, o_.hidden_size, o_.embedding_type,
           is_gemma() ? 1.0 : kHeadGain);
    for (int i = 0; i < o_.layers; ++i) add_layer("blk." + std::to_string(i) + ".");
    norm("output_norm.weight");
    if (!o_.tied_head) matrix("output.weight", o_.vocab_size, o_.hidden_size, o_.matrix_type, kHeadGain);
    return writer_.bytes();
  }

 private:
  TensorType value_type() const { return o_.value_type.value_or(o_.matrix_type); }
  int head_dim() const { return o_.head_dim != 0 ? o_.head_dim : o_.hidden_size / o_.heads; }

  void check() const {
    const bool possible = o_.layers > 0 && o_.heads > 0 && o_.kv_heads > 0 && o_.heads % o_.kv_heads == 0 &&
                          (o_.head_dim != 0 || o_.hidden_size % o_.heads == 0) && head_dim() % 2 == 0 &&
                          o_.ffn_size > 0 && o_.context > 0 && o_.vocab_size >= kRandomModelTokens &&
                          o_.window >= 0 && (o_.overflow_token < 0 || o_.family == "llama");
    const bool wide_range = o_.matrix_type == TensorType::f32 || o_.matrix_type == TensorType::bf16;
    const bool can_overflow =
        wide_range && !is_quantized(o_.embedding_type) && o_.overflow_token < o_.vocab_size;
    if (!possible || (o_.overflow_token >= 0 && !can_overflow))
      throw std::invalid_argument("random_model: impossible options");
  }

  void add_hyperparameters() {
    writer_.add("general.architecture", o_.family);
    writer_.add("general.type", "model");
    writer_.add("general.name", "random " + o_.family + ", seed " + std::to_string(o_.seed));
    add("block_count", as_u32(o_.layers));
    add("context_length", as_u32(o_.context));
    add("embedding_length", as_u32(o_.hidden_size));
    add("feed_forward_length", as_u32(o_.ffn_size));
    add("attention.head_count", as_u32(o_.heads));
    add("attention.head_count_kv", as_u32(o_.kv_heads));
    add("rope.freq_base", static_cast<float>(o_.rope_base));
    add("attention.layer_norm_rms_epsilon", 1e-5f);
    if (head_dim() * o_.heads != o_.hidden_size) {
      add("attention.key_length", as_u32(head_dim()));
      add("attention.value_length", as_u32(head_dim()));
    }
    add("vocab_size", as_u32(o_.vocab_size));
    add("rope.dimension_count", as_u32(head_dim()));
    if (o_.window > 0) add("attention.sliding_window", as_u32(o_.window));
    if (o_.family == "gemma2") {
      add("attn_logit_softcapping", 4.0f);
      add("final_logit_softcapping", 6.0f);
    }
    add_rope_scaling();
    writer_.add("general.quantization_version", as_u32(2));
  }

  template <typename T>
  void add(const std::string& key, const T& value) {
    writer_.add(o_.family + "." + key, value);
  }

  void add_rope_scaling() {
    if (o_.rope_scaling.empty()) return;
    add("rope.scaling.type", o_.rope_scaling);
    add("rope.scaling.factor", 4.0f);
    add("rope.scaling.original_context_length", as_u32(o_.context / 4));
    if (o_.rope_scaling != "longrope") return;
    const std::int64_t shape[] = {head_dim() / 2};
    for (const auto& [name, step] : {std::pair("short", 0.05f), std::pair("long", 0.5f)}) {
      std::vector<float> factors;
      for (int i = 0; i < head_dim() / 2; ++i) factors.push_back(1.0f + step * static_cast<float>(i));
      writer_.add_tensor(std::string("rope_factors_") + name + ".weight", TensorType::f32, shape,
                         quantize(TensorType::f32, factors));
    }
  }

  bool is_gemma() const { return o_.family.starts_with("gemma"); }

  void add_layer(const std::string& prefix) {
    const int q_size = o_.heads * head_dim();
    const int kv_size = o_.kv_heads * head_dim();
    const bool fused = o_.family == "phi3";
    norm(prefix + "attn_norm.weight");
    if (fused) {
      matrix(prefix + "attn_qkv.weight", q_size + 2 * kv_size, o_.hidden_size, o_.matrix_type, kQueryGain);
    } else {
      matrix(prefix + "attn_q.weight", q_size, o_.hidden_size, o_.matrix_type, kQueryGain);
      matrix(prefix + "attn_k.weight", kv_size, o_.hidden_size, o_.matrix_type, 1.0);
      matrix(prefix + "attn_v.weight", kv_size, o_.hidden_size, value_type(), 1.0);
    }
    if (o_.family == "qwen2") {
      vector(prefix + "attn_q.bias", q_size, 0.0);
      vector(prefix + "attn_k.bias", kv_size, 0.0);
      vector(prefix + "attn_v.bias", kv_size, 0.0);
    }
    if (o_.family == "qwen3" || o_.family == "gemma3") {
      vector(prefix + "attn_q_norm.weight", head_dim(), 1.0);
      vector(prefix + "attn_k_norm.weight", head_dim(), 1.0);
    }
    matrix(prefix + "attn_output.weight", o_.hidden_size, q_size, o_.matrix_type, 1.0);
    if (is_gemma()) norm(prefix + "post_attention_norm.weight");
    norm(prefix + "ffn_norm.weight");
    if (!fused) matrix(prefix + "ffn_gate.weight", o_.ffn_size, o_.hidden_size, o_.matrix_type, 1.0);
    matrix(prefix + "ffn_up.weight", (fused ? 2 : 1) * o_.ffn_size, o_.hidden_size, o_.matrix_type, 1.0);
    matrix(prefix + "ffn_down.weight", o_.hidden_size, o_.ffn_size, value_type(), 1.0);
    if (is_gemma()) norm(prefix + "post_ffw_norm.weight");
  }

  void norm(const std::string& name) { vector(name, o_.hidden_size, 1.0); }

  // About `mean`.
  void vector(const std::string& name, int n, double mean) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& value : values) value = static_cast<float>(mean + 0.1 * random_.normal());
    const std::int64_t shape[] = {n};
    writer_.add_tensor(name, TensorType::f32, shape, quantize(TensorType::f32, values));
  }

  void matrix(const std::string& name, int rows, int columns, TensorType type, double gain) {
    const double deviation = gain / std::sqrt(static_cast<double>(columns));
    const std::int64_t shape[] = {rows, columns};
    if (static_cast<std::size_t>(columns) % info(type).block_size != 0) type = TensorType::f16;
    if (type > TensorType::q4_1) {  // no quantizer in `quantize`
      const std::size_t blocks = static_cast<std::size_t>(rows) * columns / info(type).block_size;
      writer_.add_tensor(name, type, shape, random_blocks(type, blocks, deviation, random_));
      return;
    }
    std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    for (float& value : values) value = static_cast<float>(deviation * random_.normal());
    if (o_.overflow_token >= 0 && name == "token_embd.weight") {
      // Only this token's normalized row has a first number, in layer 0.
      for (int row = 0; row < rows; ++row) values[static_cast<std::size_t>(row) * columns] = 0.0f;
      values[static_cast<std::size_t>(o_.overflow_token) * columns] = kOverflowEmbedding;
    }
    if (o_.overflow_token >= 0 && name == "blk.0.attn_v.weight") values[0] = kOverflowWeight;
    writer_.add_tensor(name, type, shape, quantize(type, values));
  }

  static std::uint32_t as_u32(int value) { return static_cast<std::uint32_t>(value); }

  const RandomModelOptions& o_;
  Random random_;
  GgufWriter writer_;
};

}  // namespace

std::vector<std::byte> random_model(const RandomModelOptions& options) { return ModelWriter(options).run(); }

void write_random_model(const std::filesystem::path& path, const RandomModelOptions& options) {
  write_file(path, random_model(options));
}

}  // namespace isobatch::test
