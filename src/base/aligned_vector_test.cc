#include "base/aligned_vector.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace isobatch {
namespace {

TEST(AlignedVectorTest, StartsAtACacheLineAndALargeOneAtAHugePage) {
  AlignedVector<float> v;
  for (const std::size_t n : {std::size_t{1}, kHugePage / 4 - 1, kHugePage / 4, kHugePage, std::size_t{3}}) {
    v.resize(n, 1.0f);
    v.shrink_to_fit();  // allocates as many bytes as it says, and gives back what it had
    const std::size_t bytes = v.capacity() * sizeof(float);
    const auto at = reinterpret_cast<std::uintptr_t>(v.data());
    EXPECT_EQ(at % (bytes >= kHugePage ? kHugePage : kCacheLine), 0) << n;
    EXPECT_EQ(v.front(), 1.0f);
    EXPECT_EQ(v.back(), 1.0f);
  }
}

}  // namespace
}  // namespace isobatch
