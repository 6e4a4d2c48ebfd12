// Judges the contract's functions by MPFR, 200 bits.
#include <gtest/gtest.h>
#include <mpfr.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "numerics/elementary.h"
#include "numerics/exp.h"
#include "numerics/sum.h"

namespace isobatch::numerics {
namespace {

using MpfrFunction = int (*)(mpfr_t, const mpfr_t, mpfr_rnd_t);

class Reference {
 public:
  Reference() { mpfr_inits2(200, x_, y_, nullptr); }
  ~Reference() { mpfr_clears(x_, y_, nullptr); }
  // |got − f(x)| in units of the last place of a number with `digits` bits at f(x).
  double ulp_error(MpfrFunction f, double x, double got, int digits) {
    mpfr_set_d(x_, x, MPFR_RNDN);
    f(y_, x_, MPFR_RNDN);
    const long exponent = mpfr_zero_p(y_) ? -126 : mpfr_get_exp(y_);
    mpfr_sub_d(y_, y_, got, MPFR_RNDN);
    return std::fabs(std::ldexp(mpfr_get_d(y_, MPFR_RNDN), static_cast<int>(digits - exponent)));
  }
  double absolute_error(MpfrFunction f, double x, double got) {
    mpfr_set_d(x_, x, MPFR_RNDN);
    f(y_, x_, MPFR_RNDN);
    mpfr_sub_d(y_, y_, got, MPFR_RNDN);
    return std::fabs(mpfr_get_d(y_, MPFR_RNDN));
  }

 private:
  mpfr_t x_, y_;
};

// Largest error of f over an even grid, in f32 ulp.
template <typename F>
double worst_ulp(F f, MpfrFunction exact, float low, float high, int points = 200000) {
  Reference reference;
  double worst = 0;
  for (int i = 0; i <= points; ++i) {
    const float x = low + (high - low) * (static_cast<float>(i) / points);
    worst = std::max(worst, reference.ulp_error(exact, x, f(x), 24));
  }
  return worst;
}

TEST(Numerics, ExpIsWithinOneUlp) {
  EXPECT_LT(worst_ulp([](float x) { return exp(x); }, mpfr_exp, -87.0f, 88.7f), 1.0);
  EXPECT_LT(worst_ulp([](float x) { return exp(x); }, mpfr_exp, -1.0f, 1.0f), 1.0);
}

TEST(Numerics, ExpAtItsCorners) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp(0.0f), 1.0f);
  EXPECT_EQ(exp(-0.0f), 1.0f);
  EXPECT_EQ(exp(-inf), 0.0f);
  EXPECT_FALSE(std::signbit(exp(-inf)));
  EXPECT_EQ(exp(inf), inf);
  EXPECT_TRUE(std::isfinite(exp(kExpHigh)));
  EXPECT_EQ(exp(std::nextafter(kExpHigh, inf)), inf);
  EXPECT_GE(exp(kExpLow), std::numeric_limits<float>::min());
  EXPECT_EQ(exp(std::nextafter(kExpLow, -inf)), 0.0f);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(exp(-std::nanf("1"))), kCanonicalNan);
}

TEST(Numerics, TanhIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp([](float x) { return tanh(x); }, mpfr_tanh, -10.0f, 10.0f), 2.0);
  EXPECT_LT(worst_ulp([](float x) { return tanh(x); }, mpfr_tanh, -0.7f, 0.7f), 2.0);
  EXPECT_EQ(tanh(100.0f), 1.0f);
  EXPECT_EQ(tanh(-100.0f), -1.0f);
  EXPECT_TRUE(std::signbit(tanh(-0.0f)));
}

TEST(Numerics, ErfIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp([](float x) { return erf(x); }, mpfr_erf, -4.5f, 4.5f), 2.0);
  EXPECT_EQ(erf(10.0f), 1.0f);
  EXPECT_EQ(erf(-10.0f), -1.0f);
}

TEST(Numerics, DoubleFunctions) {
  Reference reference;
  double worst_exp = 0, worst_log = 0, worst_sin = 0, worst_cos = 0;
  for (int i = 1; i <= 200000; ++i) {
    const double t = i / 200000.0;
    const double e = -700 + 1400 * t;
    worst_exp = std::max(worst_exp, reference.ulp_error(mpfr_exp, e, exp64(e), 53));
    const double l = std::ldexp(1 + t, i % 200 - 100);
    worst_log = std::max(worst_log, reference.ulp_error(mpfr_log, l, log64(l), 53));
    const double a = i % 2 ? t * 1e6 : t * 7;
    const SinCos sc = sin_cos64(a);
    worst_sin = std::max(worst_sin, reference.absolute_error(mpfr_sin, a, sc.sin));
    worst_cos = std::max(worst_cos, reference.absolute_error(mpfr_cos, a, sc.cos));
  }
  EXPECT_LT(worst_exp, 2.0);
  EXPECT_LT(worst_log, 2.0);
  EXPECT_LT(worst_sin, 1e-15);
  EXPECT_LT(worst_cos, 1e-15);
  EXPECT_EQ(log64(1.0), 0.0);
}

TEST(Numerics, SumHasItsOrder) {
  // Lane 0 meets 2^24 and 1 twice: absorbed one by one, which a pairwise or plain order would not do.
  std::vector<float> x(33, 0.0f);
  x[0] = 0x1p24f, x[16] = 1.0f, x[32] = 1.0f;
  EXPECT_EQ(sum(x.data(), x.size()), 0x1p24f);
  x[16] = 0.0f, x[1] = 1.0f, x[32] = 0.0f, x[17] = 1.0f;
  EXPECT_EQ(sum(x.data(), x.size()), 0x1p24f + 2.0f);
  // The tail skips lanes instead of adding +0 to them; lanes start from +0, so a sum of −0 is +0.
  const float minus_zero = -0.0f;
  EXPECT_FALSE(std::signbit(sum(&minus_zero, 1)));
  EXPECT_EQ(sum(nullptr, 0), 0.0f);
}

}  // namespace
}  // namespace isobatch::numerics
