#include "audit/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobatch::audit {
namespace {

// Reference values: scipy 1.11, binomtest(k, n).proportion_ci(method="wilson").
TEST(Statistics, WilsonInterval) {
  const Share s = share(3, 24);
  EXPECT_NEAR(s.low, 0.043443, 1e-6);
  EXPECT_NEAR(s.high, 0.310039, 1e-6);
  EXPECT_EQ(share(0, 10).low, 0);
  EXPECT_NEAR(share(0, 10).high, 0.277533, 1e-6);
  EXPECT_EQ(share(10, 10).high, 1);
  EXPECT_EQ(share(0, 0).value(), 0);
}

// scipy: binomtest(min(b, c), b + c, 0.5).pvalue
TEST(Statistics, McNemar) {
  EXPECT_DOUBLE_EQ(mcnemar_p(0, 0), 1);
  EXPECT_NEAR(mcnemar_p(0, 6), 0.03125, 1e-12);
  EXPECT_NEAR(mcnemar_p(2, 10), 0.03857421875, 1e-12);
  EXPECT_EQ(mcnemar_p(5, 5), 1);
  EXPECT_LT(mcnemar_p(400, 700), 1e-15);
}

TEST(Statistics, MeanHasAnIntervalThatHoldsIt) {
  const std::vector<double> same(20, 3.0);
  EXPECT_EQ(mean(same).low, 3);
  EXPECT_EQ(mean(same).high, 3);
  std::vector<double> mixed;
  for (int i = 0; i < 100; ++i) mixed.push_back(i % 10);
  const Mean m = mean(mixed);
  EXPECT_DOUBLE_EQ(m.value, 4.5);
  EXPECT_LT(m.low, 4.5);
  EXPECT_GT(m.high, 4.5);
  // About 1.96 standard errors each way: 2.87 / 10.
  EXPECT_NEAR(m.high - m.low, 2 * 1.96 * 0.287, 0.15);
  EXPECT_FALSE(mean(std::vector<double>{}).excludes_zero());
}

TEST(Statistics, Median) {
  EXPECT_EQ(median(std::vector<double>{}), 0);
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 3}), 2.5);
}

}  // namespace
}  // namespace isobatch::audit
