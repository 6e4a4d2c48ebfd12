// All 65536 values of either type there and back, and rounding against a definition that shares no code with
// the conversions: the nearest value of a sorted table, the even one on ties.
#include "base/float16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace isobatch {
namespace {

struct Format {
  int exponent_bits;
  int mantissa_bits;
  std::uint16_t (*narrow)(float);
  float (*widen)(std::uint16_t);
  std::uint16_t infinity() const {
    return static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  }

  // What the bits stand for; infinity counts as the power of two that rounding must not reach.
  double value(std::uint16_t bits) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> mantissa_bits;
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    if (exponent == 0) return std::ldexp(mantissa, 1 - bias - mantissa_bits);
    return std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  }

  // For x >= 0, not NaN.
  std::uint16_t nearest(float x, const std::vector<double>& values) const {
    const auto above = std::lower_bound(values.begin(), values.end(), static_cast<double>(x));
    if (above == values.end()) return infinity();
    const auto high = static_cast<std::uint16_t>(above - values.begin());
    if (*above == x) return high;
    const auto low = static_cast<std::uint16_t>(high - 1);
    const double to_low = x - values[low];
    const double to_high = values[high] - x;
    if (to_low != to_high) return to_low < to_high ? low : high;
    return low % 2 == 0 ? low : high;
  }
};

class Float16Test : public ::testing::TestWithParam<Format> {};

TEST_P(Float16Test, EveryValueGoesThereAndBack) {
  const Format f = GetParam();
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const std::uint16_t magnitude = bits & 0x7fff;
    const float wide = f.widen(bits);
    if (magnitude > f.infinity()) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_TRUE(std::isnan(f.widen(f.narrow(wide))));
      continue;
    }
    ASSERT_EQ(std::signbit(wide), bits > 0x7fff) << i;
    ASSERT_EQ(f.narrow(wide), bits) << i;
    if (magnitude == f.infinity()) {
      ASSERT_TRUE(std::isinf(wide)) << i;
    } else {
      ASSERT_EQ(std::fabs(static_cast<double>(wide)), f.value(magnitude)) << i;
    }
  }
}

TEST_P(Float16Test, RoundsToNearestEven) {
  const Format f = GetParam();
  std::vector<double> values;
  for (std::uint32_t i = 0; i <= f.infinity(); ++i) values.push_back(f.value(static_cast<std::uint16_t>(i)));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const auto middle = static_cast<float>((values[i] + values[i + 1]) / 2);  // exact
    for (const float x : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, kInfinity)}) {
      ASSERT_EQ(f.narrow(x), f.nearest(x, values)) << x;
      ASSERT_EQ(f.narrow(-x), f.nearest(x, values) | 0x8000) << -x;
    }
  }
  std::uint32_t bits = 1;
  for (int i = 0; i < 1'000'000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    const auto x = std::bit_cast<float>(bits & 0x7fffffffu);
    if (std::isnan(x)) continue;
    ASSERT_EQ(f.narrow(x), f.nearest(x, values)) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(, Float16Test,
                         ::testing::Values(Format{5, 10, f32_to_f16, f16_to_f32},
                                           Format{8, 7, f32_to_bf16, bf16_to_f32}));

TEST(Float16NanTest, OneNan) {
  for (const std::uint32_t bits : {0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffc12345u}) {
    EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(bits)), 0x7fc0);
    EXPECT_EQ(f32_to_f16(std::bit_cast<float>(bits)), 0x7e00);
  }
  EXPECT_EQ(std::bit_cast<std::uint32_t>(f16_to_f32(0xfc01)), kCanonicalNan);
}

}  // namespace
}  // namespace isobatch
