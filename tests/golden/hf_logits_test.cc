// Invariance alone cannot see a model that is wrong: the logits are compared with Hugging Face transformers
// in float32 on the same dequantized weights, 32 greatest logits at 64 positions of one context. Golden file:
// tools/quality/make_logits_golden.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/arena.h"
#include "formats/gguf.h"
#include "model/transformer.h"
#include "tests/golden/golden_model.h"

namespace isobatch::golden {
namespace {

struct Row {
  int position;
  std::vector<int> ids;
  std::vector<float> logits;  // of ids, greatest first
};

struct Golden {
  std::vector<TokenId> tokens;
  std::vector<Row> rows;
};

Golden read_golden() {
  std::ifstream file(ISOBATCH_SOURCE_DIR "/tests/golden/hf_logits.json");
  const nlohmann::json json = nlohmann::json::parse(file);
  Golden golden{json.at("tokens").get<std::vector<TokenId>>(), {}};
  for (const auto& row : json.at("rows")) {
    golden.rows.push_back({row.at("position"), row.at("ids"), row.at("logits")});
  }
  return golden;
}

// Our logits of the golden positions, one row each.
std::vector<std::vector<float>> compute(const Golden& golden, DType dtype) {
  Semantics semantics;
  semantics.dtype = dtype;
  const auto file = formats::GgufFile::open(model_path());
  const auto transformer = model::load_transformer(file, semantics, {});
  const kernels::KvLayout layout = transformer->kv_layout(*semantics.kv_dtype, kernels::kKeyBlock);
  const int count = golden.rows.back().position + 1, vocab = transformer->info().vocab_size;
  std::vector<std::int32_t> pages(count / layout.page_size + 1);
  std::iota(pages.begin(), pages.end(), 0);
  Arena memory(pages.size() * layout.page_bytes());
  ThreadPool pool(available_cpus());
  const auto workspace = model::make_workspace();
  const model::Execution execution{*kernels::choose_table("auto").table, pool, *workspace};

  std::vector<std::vector<float>> result;
  for (int begin = 0; begin < count; begin += 256) {
    const int rows = std::min(256, count - begin);
    std::vector<std::int32_t> positions(rows), wanted;
    std::iota(positions.begin(), positions.end(), begin);
    for (const Row& row : golden.rows) {
      if (row.position >= begin && row.position < begin + rows) wanted.push_back(row.position - begin);
    }
    std::vector<float> logits(wanted.size() * vocab);
    const model::Segment segment{0, rows, begin, pages};
    transformer->forward({std::span(golden.tokens).subspan(begin, rows), positions, {&segment, 1}, wanted},
                         {memory.data(), layout}, execution, logits.data());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      result.emplace_back(logits.begin() + i * vocab, logits.begin() + (i + 1) * vocab);
    }
  }
  return result;
}

// KL divergence of ours from theirs over the ids of the row, both renormalized to them.
double divergence(const Row& row, const std::vector<float>& ours) {
  double sum_theirs = 0, sum_ours = 0, kl = 0;
  for (std::size_t i = 0; i < row.ids.size(); ++i) {
    sum_theirs += std::exp(row.logits[i] - row.logits[0]);
    sum_ours += std::exp(ours[row.ids[i]] - row.logits[0]);
  }
  for (std::size_t i = 0; i < row.ids.size(); ++i) {
    const double theirs = row.logits[i] - row.logits[0] - std::log(sum_theirs);
    const double own = ours[row.ids[i]] - row.logits[0] - std::log(sum_ours);
    kl += std::exp(theirs) * (theirs - own);
  }
  return kl;
}

int argmax(const std::vector<float>& x) {
  return static_cast<int>(std::max_element(x.begin(), x.end()) - x.begin());
}

class HfLogits : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(model_path()))
      GTEST_SKIP() << "the default model's file is not in the cache";
    golden_ = read_golden();
    ASSERT_EQ(golden_.rows.size(), 64u);
  }
  Golden golden_;
};

TEST_F(HfLogits, F32IsWithinItsBound) {
  const auto ours = compute(golden_, DType::f32);
  ASSERT_EQ(ours.size(), golden_.rows.size());
  float worst = 0;
  for (std::size_t r = 0; r < ours.size(); ++r) {
    const Row& row = golden_.rows[r];
    for (std::size_t i = 0; i < row.ids.size(); ++i) {
      worst = std::max(worst, std::fabs(ours[r][row.ids[i]] - row.logits[i]));
    }
    if (row.logits[0] - row.logits[1] > 1e-2f) {
      EXPECT_EQ(argmax(ours[r]), row.ids[0]) << "position " << row.position;
    }
  }
  EXPECT_LT(worst, 2e-3f);
  RecordProperty("max_difference", std::to_string(worst));
}

// Mean KL divergence of ours from theirs. Where their first logit leads by more than `margin`, ours must too.
double mean_divergence(const Golden& golden, const std::vector<std::vector<float>>& ours, float margin) {
  EXPECT_EQ(ours.size(), golden.rows.size());
  double kl = 0;
  for (std::size_t r = 0; r < ours.size(); ++r) {
    const Row& row = golden.rows[r];
    kl += divergence(row, ours[r]) / ours.size();
    if (row.logits[0] - row.logits[1] > margin) {
      EXPECT_EQ(argmax(ours[r]), row.ids[0]) << "position " << row.position;
    }
  }
  return kl;
}

TEST_F(HfLogits, NativeIsWithinItsBound) {
  EXPECT_LT(mean_divergence(golden_, compute(golden_, DType::native), 0.5f), 0.0005);
}

// Activations of eight bits are as far from f32 as those of other engines.
TEST_F(HfLogits, Native8IsWithinItsBound) {
  const double kl = mean_divergence(golden_, compute(golden_, DType::native8), 1.0f);
  EXPECT_LT(kl, 0.01);
  RecordProperty("mean_divergence", std::to_string(kl));
}

// Eight bits of precision between operations: logits near 20 are 1/8 apart.
TEST_F(HfLogits, Bf16IsWithinItsBound) {
  const double kl = mean_divergence(golden_, compute(golden_, DType::bf16), 1.0f);
  EXPECT_LT(kl, 0.005);
  RecordProperty("mean_divergence", std::to_string(kl));
}

}  // namespace
}  // namespace isobatch::golden
