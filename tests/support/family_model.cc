#include "tests/support/family_model.h"

#include <cmath>
#include <fstream>
#include <map>
#include <stdexcept>

#include "tests/support/gguf_writer.h"
#include "tests/support/quantize.h"
#include "tests/support/random.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temp_dir.h"

namespace isobatch::test {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(ISOBATCH_SOURCE_DIR) / "tests" / "golden" / "families";

std::vector<std::byte> f32_bytes(const std::vector<float>& values) {
  return quantize(TensorType::f32, values);
}

// The parts of Hugging Face's names in GGUF's words; Gemma's norms have other places.
std::string gguf_name(std::string name, const std::string& architecture) {
  const bool gemma = architecture.starts_with("gemma");
  const std::pair<std::string, std::string> words[] = {
      {"model.layers.", "blk."},
      {"model.embed_tokens", "token_embd"},
      {"model.norm", "output_norm"},
      {"lm_head", "output"},
      {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},
      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"},
      {"self_attn.qkv_proj", "attn_qkv"},
      {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"},
      {"input_layernorm", "attn_norm"},
      {"post_attention_layernorm", gemma ? "post_attention_norm" : "ffn_norm"},
      {"pre_feedforward_layernorm", "ffn_norm"},
      {"post_feedforward_layernorm", "post_ffw_norm"},
      {"mlp.gate_proj", "ffn_gate"},
      {"mlp.up_proj", "ffn_up"},
      {"mlp.gate_up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"},
  };
  for (const auto& [theirs, ours] : words) {
    if (const auto at = name.find(theirs); at != std::string::npos) name.replace(at, theirs.size(), ours);
  }
  return name;
}

class GgufTwin {
 public:
  explicit GgufTwin(const FamilyModel& model) : model_(model), c_(model.config) {
    architecture_ = c_.at("model_type") == "mistral"       ? "llama"
                    : c_.at("model_type") == "gemma3_text" ? "gemma3"
                                                           : c_.at("model_type").get<std::string>();
    heads_ = c_.at("num_attention_heads");
    hidden_ = c_.at("hidden_size");
    head_dim_ = c_.value("head_dim", hidden_ / heads_);
    rope_ = c_.at("rope_parameters");
    if (rope_.contains("full_attention")) rope_ = rope_["full_attention"];
  }

  void write(const std::filesystem::path& path) {
    writer_.add("general.architecture", architecture_);
    add_int("block_count", c_.at("num_hidden_layers"));
    add_int("context_length", c_.at("max_position_embeddings"));
    add_int("embedding_length", hidden_);
    add_int("feed_forward_length", c_.at("intermediate_size"));
    add_int("attention.head_count", heads_);
    add_int("attention.head_count_kv", c_.at("num_key_value_heads"));
    add_int("attention.key_length", head_dim_);
    add_int("attention.value_length", head_dim_);
    add_float("attention.layer_norm_rms_epsilon", c_.at("rms_norm_eps"));
    if (c_.contains("sliding_window") && !c_["sliding_window"].is_null()) {
      add_int("attention.sliding_window", c_["sliding_window"]);
    }
    for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
      if (c_.contains(cap) && !c_[cap].is_null()) add_float(cap, c_[cap]);
    }
    if (c_.contains("query_pre_attn_scalar")) {
      add_float("attention.scale", 1.0f / std::sqrt(c_["query_pre_attn_scalar"].get<float>()));
    }
    add_rope();
    for (const FamilyTensor& tensor : model_.tensors) add_tensor(tensor);
    writer_.write(path);
  }

 private:
  void add_int(const std::string& key, int value) {
    writer_.add(architecture_ + "." + key, static_cast<std::uint32_t>(value));
  }
  void add_float(const std::string& key, float value) { writer_.add(architecture_ + "." + key, value); }

  void add_factors(const std::string& name, const std::vector<float>& factors) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(factors.size())};
    writer_.add_tensor(name, TensorType::f32, shape, f32_bytes(factors));
  }

  void add_rope() {
    const std::string type = rope_.at("rope_type");
    const double theta = rope_.at("rope_theta");
    const int dimensions = static_cast<int>(head_dim_ * rope_.value("partial_rotary_factor", 1.0));
    add_float("rope.freq_base", static_cast<float>(theta));
    add_int("rope.dimension_count", dimensions);
    if (type == "linear" || type == "yarn") {
      writer_.add(architecture_ + ".rope.scaling.type", type);
      add_float("rope.scaling.factor", rope_.at("factor"));
    }
    if (type == "yarn" || type == "longrope") {
      add_int("rope.scaling.original_context_length", rope_.at("original_max_position_embeddings"));
    }
    if (type == "longrope") {
      add_factors("rope_factors_short.weight", rope_.at("short_factor"));
      add_factors("rope_factors_long.weight", rope_.at("long_factor"));
    }
    if (type == "llama3") {
      const double factor = rope_.at("factor"), low = rope_.at("low_freq_factor"),
                   high = rope_.at("high_freq_factor"),
                   original = rope_.at("original_max_position_embeddings");
      std::vector<float> factors;
      for (int i = 0; i < dimensions / 2; ++i) {
        const double wavelength = 2 * M_PI * std::pow(theta, 2.0 * i / dimensions);
        const double smooth = (original / wavelength - low) / (high - low);
        factors.push_back(static_cast<float>(wavelength < original / high ? 1.0
                                             : wavelength > original / low
                                                 ? factor
                                                 : 1 / ((1 - smooth) / factor + smooth)));
      }
      add_factors("rope_freqs.weight", factors);
    }
  }

  void add_tensor(const FamilyTensor& tensor) {
    const std::string name = gguf_name(tensor.name, architecture_);
    std::vector<float> values = tensor.values;
    if (architecture_.starts_with("gemma") && name.ends_with("norm.weight")) {
      for (float& value : values) value = 1.0f + value;
    }
    const bool turned =
        name.find(".attn_q.") != std::string::npos || name.find(".attn_k.") != std::string::npos;
    if (architecture_ == "llama" && turned) interleave(tensor, values);
    writer_.add_tensor(name, TensorType::f32, tensor.shape, f32_bytes(values));
  }

  // Row i of a head's first half becomes row 2i, of its second half row 2i + 1.
  void interleave(const FamilyTensor& tensor, std::vector<float>& values) const {
    const int rows = static_cast<int>(tensor.shape[0]), half = head_dim_ / 2;
    const std::size_t columns = values.size() / rows;
    for (int row = 0; row < rows; ++row) {
      const int head = row / head_dim_, i = row % head_dim_;
      const int to = head * head_dim_ + (i < half ? 2 * i : 2 * (i - half) + 1);
      for (std::size_t c = 0; c < columns; ++c) values[to * columns + c] = tensor.values[row * columns + c];
    }
  }

  const FamilyModel& model_;
  const nlohmann::json& c_;
  std::string architecture_;
  int heads_ = 0, hidden_ = 0, head_dim_ = 0;
  nlohmann::json rope_;
  GgufWriter writer_;
};

}  // namespace

std::vector<float> random_values(const std::string& name, std::size_t n, float scale, float offset) {
  std::uint64_t seed = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  Random random(seed);
  std::vector<float> values(n);
  for (float& value : values) {
    const float u = static_cast<float>(random.next() >> 40) * 0x1p-23f - 1.0f;
    const float scaled = u * scale;
    value = scaled + offset;
  }
  return values;
}

const FamilyTensor& FamilyModel::tensor(const std::string& tensor_name) const {
  for (const FamilyTensor& tensor : tensors) {
    if (tensor.name == tensor_name) return tensor;
  }
  throw std::invalid_argument("no tensor " + tensor_name);
}

std::vector<std::string> family_model_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

FamilyModel read_family_model(const std::string& name) {
  std::ifstream file(kFolder / (name + ".json"));
  const nlohmann::json golden = nlohmann::json::parse(file);
  FamilyModel model{.name = name,
                    .config = golden.at("config"),
                    .context = golden.at("context"),
                    .tensors = {},
                    .tokens = golden.at("tokens"),
                    .rows = {}};
  for (const nlohmann::json& tensor : golden.at("tensors")) {
    std::size_t n = 1;
    for (const std::int64_t size : tensor.at("shape")) n *= size;
    model.tensors.push_back({tensor.at("name"), tensor.at("shape"),
                             random_values(tensor.at("name"), n, tensor.at("scale"), tensor.at("offset"))});
  }
  for (const nlohmann::json& row : golden.at("rows")) {
    model.rows.push_back({row.at("position"), row.at("logits"), row.value("bf16", std::vector<float>()),
                          row.value("f16", std::vector<float>())});
  }
  return model;
}

void write_hf_directory(const FamilyModel& model, const std::filesystem::path& directory, int shards) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "config.json") << model.config.dump(2);
  std::vector<SafetensorsWriter> files(shards);
  const auto shard_name = [&](std::size_t shard) {
    return shards == 1 ? std::string("model.safetensors") : "model-" + std::to_string(shard) + ".safetensors";
  };
  nlohmann::json index = {{"metadata", nlohmann::json::object()}, {"weight_map", nlohmann::json::object()}};
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    const FamilyTensor& tensor = model.tensors[i];
    files[i % shards].add(tensor.name, TensorType::f32, tensor.shape, f32_bytes(tensor.values));
    index["weight_map"][tensor.name] = shard_name(i % shards);
  }
  for (int shard = 0; shard < shards; ++shard) files[shard].write(directory / shard_name(shard));
  if (shards > 1) std::ofstream(directory / "model.safetensors.index.json") << index.dump();
}

bool write_family_gguf(const FamilyModel& model, const std::filesystem::path& path) {
  if (model.config.value("use_sliding_window", false)) return false;  // in some layers only
  GgufTwin(model).write(path);
  return true;
}

}  // namespace isobatch::test
