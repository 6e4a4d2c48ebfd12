#include "id_set.h"

#include <gtest/gtest.h>

#include <string>

namespace isobatch::cli {
namespace {

TEST(IdSet, KnowsWhatItHasSeen) {
  IdSet ids;
  for (int i = 0; i < 50000; ++i) EXPECT_TRUE(ids.insert("id-" + std::to_string(i)));
  for (int i = 0; i < 50000; i += 7) EXPECT_FALSE(ids.insert("id-" + std::to_string(i)));
  EXPECT_TRUE(ids.insert(""));
  EXPECT_FALSE(ids.insert(""));
  EXPECT_EQ(ids.size(), 50001u);
}

}  // namespace
}  // namespace isobatch::cli
