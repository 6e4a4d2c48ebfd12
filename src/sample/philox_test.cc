#include "sample/philox.h"

#include <gtest/gtest.h>

#include <set>

namespace isobatch::sample {
namespace {

using Words = std::array<std::uint32_t, 4>;

// The known answers published with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32_10({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformDependsOnSeedChoiceAndPosition) {
  EXPECT_EQ(uniform(0, 0, 0), static_cast<float>(0x6627e8) * 0x1p-24f);
  std::set<float> values;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (std::uint32_t choice : {0u, 1u}) {
      for (std::uint64_t position : {0ull, 1ull, 1ull << 32}) values.insert(uniform(seed, choice, position));
    }
  }
  EXPECT_EQ(values.size(), 18u);
}

TEST(Philox, UniformLiesInZeroToOneAndIsSpread) {
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const float u = uniform(7, 0, i);
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    sum += u;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.004);
}

}  // namespace
}  // namespace isobatch::sample
