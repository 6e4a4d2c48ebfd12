#include "sample/log_prob.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace isobatch::sample {
namespace {

float of(const std::vector<float>& logits, TokenId token) {
  return log_prob(logits, token, kernels::ref_table());
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

}  // namespace
}  // namespace isobatch::sample
