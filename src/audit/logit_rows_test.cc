#include "audit/logit_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace isobatch::audit {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(LogitRows, EqualBits) {
  const std::vector<float> a = {1, -kInf, 3};
  const RowDifference d = difference(a, a);
  EXPECT_TRUE(d.bits_equal);
  EXPECT_EQ(d.max, 0);
  EXPECT_EQ(d.kl, 0);
}

TEST(LogitRows, SignsOfZeroAreOtherBitsOfOneNumber) {
  const RowDifference d = difference(std::vector<float>{0.0f, 1}, std::vector<float>{-0.0f, 1});
  EXPECT_FALSE(d.bits_equal);
  EXPECT_EQ(d.max, 0);
}

TEST(LogitRows, Sizes) {
  const std::vector<float> a = {0, 1, 2, 3}, b = {0, 1, 2, 3.5f};
  const RowDifference d = difference(a, b);
  EXPECT_EQ(d.max, 0.5);
  EXPECT_EQ(d.ulp, 0x1p21);  // between 2 and 4 a last place is 2^-22
  EXPECT_NEAR(d.relative, 0.25 / std::sqrt(1.25), 1e-12);
  // softmax by hand
  double za = 0, zb = 0, kl = 0;
  for (int i = 0; i < 4; ++i) za += std::exp(double{a[i]}), zb += std::exp(double{b[i]});
  for (int i = 0; i < 4; ++i) kl += std::exp(double{a[i]}) / za * (a[i] - std::log(za) - b[i] + std::log(zb));
  EXPECT_NEAR(d.kl, kl, 1e-12);
}

TEST(LogitRows, NotFinite) {
  EXPECT_TRUE(difference(std::vector<float>{1, 2}, std::vector<float>{1, kInf}).nonfinite);
  EXPECT_TRUE(difference(std::vector<float>{1, 2}, std::vector<float>{1, NAN}).nonfinite);
  EXPECT_FALSE(difference(std::vector<float>{1, -kInf}, std::vector<float>{2, -kInf}).nonfinite);
}

TEST(LogitRows, UlpDistanceCountsAcrossZero) {
  const float least = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(ulp_distance(1, std::nextafter(1.0f, 2.0f)), 1);
  EXPECT_EQ(ulp_distance(-least, least), 2);
  EXPECT_EQ(ulp_distance(1, 1), 0);
  EXPECT_EQ(ulp_distance(1, NAN), std::numeric_limits<double>::infinity());
}

TEST(LogitRows, Margin) {
  EXPECT_EQ(margin(std::vector<float>{1, 5, 3}), 2);
  EXPECT_EQ(margin(std::vector<float>{5, 1, 5}), 0);
}

}  // namespace
}  // namespace isobatch::audit
