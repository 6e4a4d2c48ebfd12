#include "sample/log_prob.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace isobatch::sample {
namespace {

float of(const std::vector<float>& logits, TokenId token) {
  return LogProbs(logits, kernels::ref_table())(token);
}

TEST(LogProb, EqualsTheLogSoftmax) {
  const std::vector<float> logits{0.5f, -1.25f, 3.0f, 2.0f};
  double sum = 0;
  for (float x : logits) sum += std::exp(static_cast<double>(x));
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(of(logits, i), logits[i] - std::log(sum), 1e-6);
  EXPECT_EQ(of({7.0f}, 0), 0.0f);
}

TEST(LogProb, AnImpossibleTokenHasMinusInfinity) {
  EXPECT_EQ(of({0.0f, -std::numeric_limits<float>::infinity()}, 1), -std::numeric_limits<float>::infinity());
}

TEST(LogProb, IsNanWhereItHasNoValue) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(of({nan, nan}, 0)));
  EXPECT_TRUE(std::isnan(of({nan, 1.0f}, 1)));
  EXPECT_TRUE(std::isnan(of({inf, 1.0f}, 0)));
  EXPECT_TRUE(std::isnan(of({-inf, -inf}, 0)));
}

std::vector<TokenId> top(const std::vector<float>& logits, std::size_t count) {
  std::vector<TokenLogprob> top(count);
  const LogProbs log_probs(logits, kernels::ref_table());
  top.resize(top_log_probs(logits, log_probs, top));
  std::vector<TokenId> tokens;
  for (const TokenLogprob& t : top) {
    tokens.push_back(t.token);
    const float expected = log_probs(t.token);
    EXPECT_TRUE(t.logprob == expected || (std::isnan(t.logprob) && std::isnan(expected)));
  }
  return tokens;
}

TEST(TopLogProbs, AreTheGreatestAndOfEqualOnesTheSmallerId) {
  EXPECT_EQ(top({1, 5, 3, 5, 4, 3}, 4), (std::vector<TokenId>{1, 3, 4, 2}));
  EXPECT_EQ(top({1, 1, 1}, 2), (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(top({1, 2}, 0), std::vector<TokenId>{});
  EXPECT_EQ(top({1, 2}, 2), (std::vector<TokenId>{1, 0}));
  EXPECT_EQ(top({std::numeric_limits<float>::quiet_NaN(), 2}, 2), (std::vector<TokenId>{1}));
}

TEST(TopLogProbs, EqualASort) {
  std::vector<float> logits;
  std::uint32_t state = 1;
  for (int i = 0; i < 1000; ++i)
    logits.push_back(static_cast<float>((state = state * 1664525 + 1013904223) >> 26));
  std::vector<TokenId> order(logits.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<TokenId>(i);
  std::ranges::stable_sort(order, [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  order.resize(20);
  EXPECT_EQ(top(logits, 20), order);
}

}  // namespace
}  // namespace isobatch::sample
