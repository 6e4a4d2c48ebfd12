// Every family beside Hugging Face transformers in float32, on small random models (tools/quality/
// make_family_models.py), and the same weights through both file formats: the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/gguf.h"
#include "formats/hf_directory.h"
#include "tests/support/family_model.h"
#include "tests/support/run_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::golden {
namespace {

std::vector<float> logits_of(const formats::ModelFile& file, const test::FamilyModel& model, DType dtype,
                             int chunk = 256) {
  Semantics semantics{.dtype = dtype, .kv_dtype = {}, .context = model.context};
  const auto transformer = model::load_transformer(file, semantics, {});
  return test::all_logits(*transformer, *semantics.kv_dtype, model.tokens, chunk);
}

int argmax(const float* x, std::size_t n) { return static_cast<int>(std::max_element(x, x + n) - x); }

class Families : public testing::TestWithParam<std::string> {
 protected:
  const test::FamilyModel model_ = test::read_family_model(GetParam());
  const test::TempDir directory_;
};

TEST_P(Families, F32IsWithinItsBound) {
  test::write_hf_directory(model_, directory_.path());
  const auto logits = logits_of(formats::HfDirectory(directory_.path()), model_, DType::f32);
  float worst = 0;
  for (const auto& row : model_.rows) {
    const std::size_t vocab = row.logits.size();
    const float* ours = logits.data() + row.position * vocab;
    for (std::size_t i = 0; i < vocab; ++i) worst = std::max(worst, std::fabs(ours[i] - row.logits[i]));
    EXPECT_EQ(argmax(ours, vocab), argmax(row.logits.data(), vocab)) << "position " << row.position;
  }
  EXPECT_LT(worst, 2e-3f);
  RecordProperty("max_difference", std::to_string(worst));
  std::cout << GetParam() << ": max |Δlogit| " << worst << std::endl;
}

// Rounded in the same places as there, ours differ from theirs by the order of sums alone. That grows from
// layer to layer; unrelated roundings would be √2 times as far from theirs as theirs from f32.
TEST_P(Families, HalfPrecisionIsAsCloseToTheirsAsTheirsToF32) {
  test::write_hf_directory(model_, directory_.path());
  const formats::HfDirectory file(directory_.path());
  for (const DType dtype : {DType::bf16, DType::f16}) {
    const auto logits = logits_of(file, model_, dtype);
    double ours_from_theirs = 0, theirs_from_f32 = 0;
    for (const auto& row : model_.rows) {
      const std::vector<float>& theirs = dtype == DType::bf16 ? row.bf16 : row.f16;
      for (std::size_t i = 0; i < theirs.size(); ++i) {
        ours_from_theirs += std::fabs(logits[row.position * theirs.size() + i] - theirs[i]);
        theirs_from_f32 += std::fabs(theirs[i] - row.logits[i]);
      }
    }
    ASSERT_GT(theirs_from_f32, 0);
    EXPECT_LT(ours_from_theirs, 1.1 * theirs_from_f32) << (dtype == DType::bf16 ? "bf16" : "f16");
    std::cout << GetParam() << (dtype == DType::bf16 ? " bf16 " : " f16 ")
              << ours_from_theirs / theirs_from_f32 << std::endl;
  }
}

TEST_P(Families, GgufAndSafetensorsGiveTheSameBits) {
  test::write_hf_directory(model_, directory_.path(), /*shards=*/2);
  if (!test::write_family_gguf(model_, directory_ / "model.gguf")) GTEST_SKIP() << "no GGUF says this";
  const formats::HfDirectory safetensors(directory_.path());
  const auto gguf = formats::GgufFile::open(directory_ / "model.gguf");
  for (const DType dtype : {DType::native, DType::native8, DType::f32, DType::bf16, DType::f16}) {
    const auto a = logits_of(safetensors, model_, dtype), b = logits_of(gguf, model_, dtype);
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << static_cast<int>(dtype);
  }
}

TEST_P(Families, ChunksOfOneGiveTheSameBits) {
  test::write_hf_directory(model_, directory_.path());
  const formats::HfDirectory file(directory_.path());
  const auto whole = logits_of(file, model_, DType::bf16), single = logits_of(file, model_, DType::bf16, 1);
  EXPECT_EQ(std::memcmp(whole.data(), single.data(), whole.size() * sizeof(float)), 0);
}

INSTANTIATE_TEST_SUITE_P(Golden, Families, testing::ValuesIn(test::family_model_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace isobatch::golden
