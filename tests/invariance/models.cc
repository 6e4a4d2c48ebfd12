#include "tests/invariance/models.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <tuple>

#include "engine/model_parts.h"
#include "tests/golden/golden_model.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::invariance {
namespace {

constexpr int kDefaultModelContext = 1024;  // positions; the suite's requests are short
constexpr TokenId kOverflowToken = 290;

struct Shape {
  std::string_view name;
  test::RandomModelOptions options;
};

// Heads that are no multiple of 16, GQA ratios 1, 3 and 7, head_dim no multiple of 16, sizes that are no
// power of two. Matrices whose depth is no multiple of 32 are F16, so most models mix types.
const std::vector<Shape>& shapes() {
  using enum TensorType;
  static const std::vector<Shape> all = {
      {"q8_0",
       {.hidden_size = 96,
        .heads = 6,
        .kv_heads = 2,
        .head_dim = 24,
        .ffn_size = 160,
        .vocab_size = 301,
        .matrix_type = q8_0,
        .embedding_type = q8_0,
        .seed = 11}},
      {"q4_0",
       {.hidden_size = 64,
        .heads = 7,
        .kv_heads = 1,
        .head_dim = 40,
        .ffn_size = 96,
        .vocab_size = 289,
        .matrix_type = q4_0,
        .embedding_type = q8_0,
        .seed = 12}},
      {"q4_1",
       {.hidden_size = 96,
        .heads = 3,
        .kv_heads = 3,
        .ffn_size = 224,
        .vocab_size = 300,
        .tied_head = false,
        .matrix_type = q4_1,
        .embedding_type = q4_1,
        .seed = 13}},
      {"f16",
       {.hidden_size = 72,
        .heads = 3,
        .kv_heads = 1,
        .ffn_size = 100,
        .vocab_size = 310,
        .matrix_type = f16,
        .embedding_type = f16,
        .seed = 14}},
      {"bf16",
       {.hidden_size = 80,
        .heads = 2,
        .kv_heads = 2,
        .ffn_size = 300,
        .vocab_size = 295,
        .tied_head = false,
        .matrix_type = bf16,
        .embedding_type = f16,
        .overflow_token = kOverflowToken,
        .seed = 15}},
      {"f32",
       {.layers = 3,
        .hidden_size = 56,
        .heads = 7,
        .kv_heads = 1,
        .ffn_size = 72,
        .vocab_size = 291,
        .tied_head = false,
        .matrix_type = f32,
        .embedding_type = f32,
        .overflow_token = kOverflowToken,
        .seed = 16}},
      {"q4_k",
       {.hidden_size = 256,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 24,
        .ffn_size = 512,
        .vocab_size = 293,
        .matrix_type = q4_k,
        .embedding_type = q6_k,
        .value_type = q6_k,
        .seed = 17}},
      {"q2_k",
       {.hidden_size = 256,
        .heads = 2,
        .kv_heads = 1,
        .head_dim = 128,
        .ffn_size = 256,
        .vocab_size = 290,
        .matrix_type = q2_k,
        .embedding_type = q5_k,
        .value_type = q3_k,
        .seed = 18}},
      {"iq4_xs",
       {.hidden_size = 256,
        .heads = 4,
        .kv_heads = 4,
        .head_dim = 16,
        .ffn_size = 256,
        .vocab_size = 299,
        .matrix_type = iq4_xs,
        .embedding_type = q5_0,
        .value_type = q5_k,
        .seed = 19}},
      {"q5_0",
       {.hidden_size = 96,
        .heads = 3,
        .kv_heads = 1,
        .ffn_size = 160,
        .vocab_size = 288,
        .tied_head = false,
        .matrix_type = q5_0,
        .embedding_type = iq4_nl,
        .value_type = q5_1,
        .seed = 20}},
      {"mistral",
       {.hidden_size = 64,
        .heads = 4,
        .kv_heads = 2,
        .ffn_size = 96,
        .vocab_size = 300,
        .window = 37,
        .tied_head = false,
        .matrix_type = bf16,
        .embedding_type = f16,
        .overflow_token = kOverflowToken,
        .seed = 17}},
      {"qwen2",
       {.family = "qwen2",
        .hidden_size = 96,
        .heads = 5,
        .kv_heads = 1,
        .head_dim = 26,
        .ffn_size = 128,
        .rope_scaling = "yarn",
        .matrix_type = q4_0,
        .embedding_type = q8_0,
        .seed = 18}},
      {"qwen3",
       {.family = "qwen3",
        .hidden_size = 64,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 20,
        .ffn_size = 96,
        .matrix_type = q8_0,
        .embedding_type = f16,
        .seed = 19}},
      {"gemma2",
       {.family = "gemma2",
        .layers = 4,
        .hidden_size = 64,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 18,
        .ffn_size = 96,
        .window = 19,
        .matrix_type = q8_0,
        .embedding_type = q8_0,
        .seed = 20}},
      {"gemma3",
       {.family = "gemma3",
        .layers = 7,
        .hidden_size = 64,
        .heads = 3,
        .kv_heads = 1,
        .head_dim = 24,
        .ffn_size = 64,
        .window = 33,
        .rope_scaling = "linear",
        .matrix_type = q4_1,
        .embedding_type = q8_0,
        .seed = 21}},
      {"phi3",
       {.family = "phi3",
        .hidden_size = 64,
        .heads = 4,
        .kv_heads = 4,
        .ffn_size = 80,
        .window = 64,
        .rope_scaling = "longrope",
        .tied_head = false,
        .matrix_type = q4_0,
        .embedding_type = f32,
        .seed = 22}},
  };
  return all;
}

std::string describe(const Semantics& semantics) {
  static constexpr const char* kKvNames[] = {"f32", "f16", "bf16", "q8_0"};
  return fmt::format(" {} kv {}", dtype_name(semantics.dtype),
                     kKvNames[static_cast<int>(*semantics.kv_dtype)]);
}

TestModelPtr load(const std::filesystem::path& path, std::string_view name, const Semantics& semantics,
                  TokenId overflow_token) {
  return std::make_shared<TestModel>(
      TestModel{std::string(name) + describe(semantics), Model::load(path, semantics), overflow_token});
}

}  // namespace

std::string dtype_name(DType dtype) {
  static constexpr const char* kNames[] = {"native", "f32", "bf16", "f16", "native8"};
  return kNames[static_cast<int>(dtype)];
}

std::size_t TestModel::page_bytes(int page_size) const {
  return model->parts().transformer->kv_layout(kv_dtype(), page_size).page_bytes();
}

std::vector<std::string_view> random_model_names() {
  std::vector<std::string_view> names;
  for (const Shape& shape : shapes()) names.push_back(shape.name);
  return names;
}

TestModelPtr random_model(std::string_view name, DType dtype, KvDType kv_dtype) {
  static std::map<std::tuple<std::string_view, DType, KvDType>, TestModelPtr> loaded;
  const auto shape = std::ranges::find(shapes(), name, &Shape::name);
  if (shape == shapes().end()) throw std::invalid_argument("no random model has this name");
  TestModelPtr& model = loaded[{shape->name, dtype, kv_dtype}];
  if (!model) {
    const test::TempDir directory;
    const auto path = directory / "model.gguf";
    test::write_random_model(path, shape->options);
    model = load(path, name, {.dtype = dtype, .kv_dtype = kv_dtype}, shape->options.overflow_token);
  }
  return model;
}

TestModelPtr default_model(DType dtype, KvDType kv_dtype) {
  static std::map<std::tuple<DType, KvDType>, TestModelPtr> loaded;
  if (!std::filesystem::exists(golden::model_path())) return nullptr;
  TestModelPtr& model = loaded[{dtype, kv_dtype}];
  if (!model) {
    const Semantics semantics{.dtype = dtype, .kv_dtype = kv_dtype, .context = kDefaultModelContext};
    model = load(golden::model_path(), "SmolLM2", semantics, -1);
  }
  return model;
}

}  // namespace isobatch::invariance
