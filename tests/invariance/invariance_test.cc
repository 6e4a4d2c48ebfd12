// The promise: a request gets, bit for bit, what it gets alone, whatever runs beside it and however.
#include <gtest/gtest.h>

#include "tests/invariance/generate.h"
#include "tests/invariance/property.h"

namespace isobatch::invariance {
namespace {

void expect_each_like_alone(Harness& harness, int cases, const Choices& choices) {
  expect_holds(cases, [&] {
    const Scenario scenario = *scenarios(choices);
    const std::string difference = harness.difference(scenario);
    if (!difference.empty()) RC_FAIL(difference);
  });
  std::cout << harness.statistics() << std::endl;
}

TEST(Invariance, ARequestGetsWhatItGetsAlone) {
  Harness harness;
  expect_each_like_alone(harness, 250, {.model = draw_random_model, .tables = harness.variant().tables});
  const Statistics& s = harness.statistics();
  EXPECT_GT(s.with_preemption, 0);
  EXPECT_GT(s.with_prefix_hit, 0);
  EXPECT_GT(s.without_kv_cache, 0);
  EXPECT_GT(s.failed_requests, 0);
  EXPECT_GT(s.max_decode_rows, 1u);
  EXPECT_GT(s.accepted_tokens, 0u);
  EXPECT_GT(s.drafted_tokens, s.accepted_tokens);
  EXPECT_EQ(s.tables.size(), harness.variant().tables.size());
  EXPECT_EQ(s.threads, (std::set<int>{1, 2, 3, 4}));
  EXPECT_EQ(s.page_sizes, (std::set<int>{32, 64, 96, 128}));
}

class OfTheDefaultModel : public testing::TestWithParam<DType> {};

TEST_P(OfTheDefaultModel, ARequestGetsWhatItGetsAlone) {
  const DType dtype = GetParam();
  if (!default_model(dtype)) GTEST_SKIP() << "the default model's file is not in the cache";
  Harness harness;
  Choices choices{.model = [=] { return default_model(dtype); },
                  .max_requests = 6,
                  .max_prompt = 100,
                  .max_new_tokens = 8};
  std::erase(choices.tables, &kernels::ref_table());  // it would take minutes
  if (choices.tables.empty()) GTEST_SKIP() << "no table but ref runs on this machine";
  expect_each_like_alone(harness, 12, choices);
}

INSTANTIATE_TEST_SUITE_P(Invariance, OfTheDefaultModel,
                         testing::Values(DType::native, DType::native8, DType::bf16),
                         [](const auto& info) { return dtype_name(info.param); });

}  // namespace
}  // namespace isobatch::invariance
