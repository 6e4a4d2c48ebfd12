// Whole answers of real models have the digests that they had when this file was written: on any machine,
// with any kernel table. Skipped where the model is not in the cache (tools/fetch_model.sh,
// tools/fetch_gemma3.sh).
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>

#include "isobatch/engine.h"
#include "tests/golden/golden_model.h"

namespace isobatch {
namespace {

struct Golden {
  const char* file;
  const char* prompt;
  KvDType kv_dtype;
  const char* digest;
  DType dtype = DType::native;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.file << (golden.dtype == DType::native8 ? ", native8" : "")
       << (golden.kv_dtype == KvDType::q8_0 ? ", KV q8_0" : ", KV bf16");
}

class ModelDigests : public testing::TestWithParam<Golden> {};

TEST_P(ModelDigests, AreTheGoldenOnes) {
  const std::filesystem::path path = golden::cached_file(GetParam().file);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto model =
      Model::load(path, {.dtype = GetParam().dtype, .kv_dtype = GetParam().kv_dtype, .context = 1024});
  Engine engine(model, {});
  engine.submit({.prompt = model->tokenize(GetParam().prompt), .max_tokens = 6, .ignore_eos = true});
  while (engine.step()) {
  }
  const auto finished = engine.take_finished();
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_EQ(to_hex(finished[0].second.digest), GetParam().digest) << finished[0].second.text;
}

constexpr const char* kSmolLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf";
constexpr const char* kGemma3 = "gemma-3-270m-q4_k_m.gguf";

INSTANTIATE_TEST_SUITE_P(
    Golden, ModelDigests,
    testing::Values(
        Golden{kSmolLM2, "The capital of France is", KvDType::bf16, "fc834393f826cdada5109b0bf60cfa36"},
        Golden{kSmolLM2, "The capital of France is", KvDType::q8_0, "032215efbf1b62922083d029ac831c8d"},
        Golden{kSmolLM2, "The capital of France is", KvDType::bf16, "00e0a1c8ca7b723e99a64d78b00fbfbe",
               DType::native8},
        Golden{kGemma3, "The capital of France is", KvDType::bf16, "8bd467840c1afb6f700365a8353cdfd1"},
        Golden{kGemma3, "The capital of France is", KvDType::q8_0, "2b1b39a2be3ed85cd086e1df7343be9c"}));

}  // namespace
}  // namespace isobatch
