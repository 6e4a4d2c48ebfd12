// Model on Hugging Face directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/engine_test_support.h"
#include "isobatch/error.h"
#include "isobatch/model.h"
#include "tests/support/family_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::engine {
namespace {

// Byte-level BPE of some letters, without merges.
nlohmann::json small_tokenizer() {
  nlohmann::json vocabulary = {{"<s>", 0}, {"</s>", 1}};
  for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = vocabulary.size();
  const auto special = [](int id, const char* content) {
    return nlohmann::json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                          {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {special(0, "<s>"), special(1, "</s>")}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocabulary},
            {"merges", nlohmann::json::array()}}}};
}

struct HfModelTest : testing::Test {
  test::TempDir directory;

  void write(const std::string& family, int shards = 1) {
    test::write_hf_directory(test::read_family_model(family), directory.path(), shards);
    std::ofstream(directory / "tokenizer.json") << small_tokenizer().dump();
    std::ofstream(directory / "tokenizer_config.json")
        << R"({"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ messages[0].content }}"})";
  }
  std::string fingerprint(const Semantics& semantics = {}) const {
    return Model::load(directory.path(), semantics)->fingerprint();
  }
};

TEST_F(HfModelTest, LoadsAndAnswers) {
  write("qwen3", /*shards=*/3);
  const auto model = Model::load(directory.path(), {});
  EXPECT_EQ(model->info().architecture, "qwen3");
  EXPECT_EQ(model->info().name, directory.path().filename().string());
  EXPECT_EQ(model->info().vocab_size, 97);  // more than the tokenizer has
  EXPECT_TRUE(model->info().has_chat_template);
  EXPECT_EQ(model->decode(model->tokenize("hello")), "hello");
  Request request;
  request.prompt = model->tokenize("abcdefghij");
  request.max_tokens = 20;
  request.ignore_eos = true;
  const Result alone = run_alone(model, request, {});
  EXPECT_EQ(alone.tokens.size(), 20u);
  Tuning tuning;
  tuning.max_step_rows = 3;
  Engine engine(model, tuning);
  engine.submit(request);
  EXPECT_TRUE(same(run_all(engine).at(0), alone));
}

TEST_F(HfModelTest, PackedWeightsAreKeptWithTheirRowsInTheirNewOrder) {
  write("llama_llama3", /*shards=*/2);
  test::TempDir cache;
  std::vector<Result> results;
  for (const std::filesystem::path& folder : {std::filesystem::path(), cache.path(), cache.path()}) {
    const auto model = Model::load(directory.path(), {}, {.progress = {}, .packed_cache = folder});
    Request request;
    request.prompt = model->tokenize("abcdefghij");
    request.max_tokens = 5;
    request.ignore_eos = true;
    results.push_back(run_alone(model, request, {}));
  }
  EXPECT_TRUE(same(results[1], results[0]));
  EXPECT_TRUE(same(results[2], results[0]));
}

TEST_F(HfModelTest, TheFingerprintDependsOnEveryFile) {
  write("llama_linear", /*shards=*/2);
  std::string last = fingerprint();
  EXPECT_EQ(fingerprint(), last);
  const auto expect_another = [&](const char* changed) {
    const std::string now = fingerprint();
    EXPECT_NE(now, last) << changed;
    last = now;
  };
  for (const char* name :
       {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"}) {
    std::ofstream(directory / name, std::ios::app) << "\n";
    expect_another(name);
  }
  test::FamilyModel other = test::read_family_model("llama_linear");
  other.tensors.back().values[0] += 1.0f;
  test::write_hf_directory(other, directory.path(), 2);
  expect_another("a shard");
  const auto loaded = Model::load(directory.path(), {});
  std::ofstream(directory / "tokenizer.json", std::ios::app) << "\n";
  EXPECT_THAT([&] { loaded->fingerprint(); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("has changed since it was loaded")));
}

TEST_F(HfModelTest, QuantizesAtLoad) {
  write("phi3_long");  // the rows of most of its matrices are two blocks
  const auto model = Model::load(directory.path(), {.quantize = Quantize::q4_0});
  EXPECT_THAT(model->info().weight_types, testing::HasSubstr("Q4_0"));
  EXPECT_THAT(model->fingerprint(), testing::EndsWith("-native-bf16-256-q4_0"));
  EXPECT_GT(model->info().quantized_macs, 0u);
  write("qwen3");  // none is
  EXPECT_THAT([&] { Model::load(directory.path(), {.quantize = Quantize::q8_0}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("nothing to quantize")));
}

// The same name in whatever chunks and company.
TEST_F(HfModelTest, NamesWhatOverflowsInF16) {
  write("llama_linear");
  test::FamilyModel loud = test::read_family_model("llama_linear");
  for (test::FamilyTensor& tensor : loud.tensors) {
    if (tensor.name != "model.layers.1.mlp.up_proj.weight") continue;
    for (float& value : tensor.values) value *= 2e5f;
  }
  const auto results = [&](DType dtype, int rows) {
    const auto model = Model::load(directory.path(), {.dtype = dtype});
    Tuning tuning;
    tuning.max_step_rows = rows;
    Engine engine(model, tuning);
    Request request;
    request.prompt = model->tokenize("abcdefghij");
    request.max_tokens = 3;
    request.ignore_eos = true;
    for (int i = 0; i < 3; ++i) engine.submit(request);
    return run_all(engine);
  };
  for (const Result& result : results(DType::f16, 512)) EXPECT_EQ(result.overflow, "");
  test::write_hf_directory(loud, directory.path());
  for (const int rows : {1, 4, 512}) {
    for (const Result& result : results(DType::f16, rows)) {
      EXPECT_EQ(result.overflow, "layer 1: up, at position 9");
      EXPECT_EQ(result.finish_reason, FinishReason::error);
      EXPECT_THAT(result.error, testing::EndsWith("first beyond f16: layer 1: up, at position 9"));
    }
  }
  for (const Result& result : results(DType::f32, 512)) EXPECT_EQ(result.overflow, "");
}

}  // namespace
}  // namespace isobatch::engine
