#include "table.h"

#include <gtest/gtest.h>

namespace isobatch::cli {
namespace {

TEST(Table, AlignsColumnsByCharactersNotBytes) {
  Table table({"batch\nsize", "x", "é"});
  table.add_row({"1", "10.5", "ab"});
  table.add_row({"64", "7", "é"});
  EXPECT_EQ(table.to_text(),
            "batch          \n"
            " size     x   é\n"
            "-----  ----  --\n"
            "    1  10.5  ab\n"
            "   64     7   é\n");
}

}  // namespace
}  // namespace isobatch::cli
