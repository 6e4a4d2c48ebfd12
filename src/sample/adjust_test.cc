#include "sample/adjust.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace isobatch::sample {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Before {
  std::vector<TokenId> prompt = {}, generated = {}, drafted = {}, banned = {};
};

std::vector<float> adjusted(std::vector<float> logits, const Sampling& sampling, const Before& before) {
  Adjuster adjuster(static_cast<int>(logits.size()));
  adjuster.apply(logits, sampling, {before.prompt, before.generated, before.drafted}, {before.banned});
  return logits;
}

TEST(Adjust, RepetitionScalesWhatOccursOnce) {
  EXPECT_EQ(adjusted({2, -2, 2, -2}, {.repetition_penalty = 4}, {.prompt = {0, 0, 1}, .generated = {0}}),
            (std::vector<float>{0.5, -8, 2, -2}));
}

TEST(Adjust, PresenceAndFrequencyCountGeneratedTokens) {
  const Before before{.prompt = {0, 1}, .generated = {1, 2}, .drafted = {2, 2}};
  EXPECT_EQ(adjusted({5, 5, 5, 5}, {.presence_penalty = 1}, before), (std::vector<float>{5, 4, 4, 5}));
  EXPECT_EQ(adjusted({5, 5, 5, 5}, {.frequency_penalty = 0.5f}, before),
            (std::vector<float>{5, 4.5f, 3.5f, 5}));
  EXPECT_EQ(adjusted({5, 5, 5, 5}, {.presence_penalty = -1}, before), (std::vector<float>{5, 6, 6, 5}));
}

TEST(Adjust, BiasComesAfterPenaltiesAndBansLast) {
  const Sampling sampling{
      .repetition_penalty = 2, .presence_penalty = 1, .logit_bias = {{0, 10}, {1, -kInf}}};
  const auto result = adjusted({4, 4, 4}, sampling, {.generated = {0}, .banned = {2}});
  EXPECT_EQ(result[0], 11);
  EXPECT_EQ(result[1], -kInf);
  EXPECT_TRUE(std::isnan(result[2]));
}

TEST(Adjust, UndoGivesTheSameBitsBack) {
  const float nan = std::bit_cast<float>(0x7fc00000u);
  const std::vector<float> logits{1.0f / 3, -0.0f, nan, kInf, -kInf, 1e-42f};
  const Sampling sampling{.repetition_penalty = 3, .frequency_penalty = 1, .logit_bias = {{0, 1}, {1, 2}}};
  const std::vector<TokenId> all = {0, 1, 2, 3, 4, 5};
  Adjuster adjuster(6);
  for (int i = 0; i < 3; ++i) {
    std::vector<float> row = logits;
    adjuster.apply(row, sampling, {all, all, all}, {all});
    adjuster.undo(row);
    for (std::size_t t = 0; t < row.size(); ++t)
      EXPECT_EQ(std::bit_cast<std::uint32_t>(row[t]), std::bit_cast<std::uint32_t>(logits[t]));
  }
}

TEST(Adjust, OneRowsHistoryIsNotTheNexts) {
  Adjuster adjuster(3);
  const std::vector<TokenId> history = {0, 0};
  std::vector<float> row{1, 1, 1};
  adjuster.apply(row, {.frequency_penalty = 1}, {{}, history}, {});
  adjuster.undo(row);
  adjuster.apply(row, {.frequency_penalty = 1}, {{}, {}}, {});
  EXPECT_EQ(row, (std::vector<float>{1, 1, 1}));
}

}  // namespace
}  // namespace isobatch::sample
