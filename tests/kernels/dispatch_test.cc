// Choosing a table: the one asked for is the one that is active, and a table that lies is not used.
#include <gtest/gtest.h>

#include "isobatch/error.h"
#include "kernels/kernels.h"
#include "kernels/self_test.h"

namespace isobatch::kernels {
namespace {

TEST(Dispatch, TheTableAskedForIsTheOneActive) {
  for (const KernelTable* table : usable_tables()) {
    const TableChoice choice = choose_table(table->name);
    EXPECT_EQ(choice.table, table);
    EXPECT_EQ(choice.reason, "asked for");
  }
}

TEST(Dispatch, AutoTakesTheBestUsable) {
  EXPECT_EQ(choose_table("auto").table, usable_tables().front());
  EXPECT_EQ(table_names().back(), "ref");
}

TEST(Dispatch, AnUnknownNameIsAnErrorThatListsTheKnown) {
  try {
    choose_table("sse9");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("sse9"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("ref"), std::string::npos);
  }
}

TEST(Dispatch, SelfTestPassesRefAndNamesTheOpThatDiffers) {
  EXPECT_EQ(failed_self_test(ref_table()), "");
  KernelTable wrong = ref_table();
  wrong.add.none = [](const float* a, const float* b, std::size_t n, float* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = b[i] - a[i];
  };
  EXPECT_EQ(failed_self_test(wrong), "add");
}

// Overrides are a list one can read: every entry that a fast table replaces differs from ref's.
TEST(Dispatch, FastTablesOverrideTheMatrixProducts) {
  for (const KernelTable* table : usable_tables()) {
    if (table->name == "ref") continue;
    for (std::size_t t = 0; t < kTensorTypes; ++t) {
      EXPECT_TRUE(!table->matmul_q[t] || table->matmul_q[t] != ref_table().matmul_q[t]) << table->name;
      EXPECT_TRUE(!table->matmul_q8[t] || table->matmul_q8[t] != ref_table().matmul_q8[t]) << table->name;
      EXPECT_TRUE(!table->matmul_f[t] || table->matmul_f[t] != ref_table().matmul_f[t]) << table->name;
    }
  }
}

}  // namespace
}  // namespace isobatch::kernels
