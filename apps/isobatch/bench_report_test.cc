#include "bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobatch::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MachinePeaks peaks() {
  MachinePeaks peaks;
  peaks.threads = 2;
  peaks.bandwidth = 10e9;
  peaks.quantized = 100e9;
  peaks.f32 = 50e9;
  return peaks;
}

TEST(Roofline, TakesTheSmallerLimit) {
  const Cost narrow{.bytes = 100e6, .quantized_operations = 200e6, .float_operations = 50e6};
  EXPECT_DOUBLE_EQ(roofline(narrow, peaks()).memory, 100);
  EXPECT_NEAR(roofline(narrow, peaks()).arithmetic, 1 / 0.003, 1e-9);  // 2 ms of products, 1 ms of fma
  EXPECT_STREQ(roofline(narrow, peaks()).binds(), "memory");
  const Cost wide{.bytes = 10e6, .quantized_operations = 200e6, .float_operations = 50e6};
  EXPECT_STREQ(roofline(wide, peaks()).binds(), "arithmetic");
  EXPECT_NEAR(roofline(wide, peaks()).limit(), 1 / 0.003, 1e-9);
  MachinePeaks unknown = peaks();
  unknown.quantized = 0;
  EXPECT_STREQ(roofline(wide, unknown).binds(), "memory");
}

TEST(BenchText, ShowsTheShareReachedAndTheProfile) {
  Phase phase{.decode = true, .size = 4, .cost = {.bytes = 100e6, .quantized_operations = 200e6}, .rate = 25};
  phase.profile = StepTimes{10, {{"qkv", 0.3, 0.3}, {"sample", 0.1, std::nullopt}}};
  const std::string text = bench_text({.phases = {phase}, .peaks = peaks(), .kernels = "ref", .threads = 2});
  EXPECT_THAT(text, HasSubstr("decode, batch 4"));
  EXPECT_THAT(text, HasSubstr("memory     25 %"));
  EXPECT_THAT(text, HasSubstr("30.000   75 %          30.000     50 %"));  // qkv: half of two threads' time
  EXPECT_THAT(bench_text({.phases = {phase}, .peaks = std::nullopt, .kernels = "ref", .threads = 2}),
              Not(HasSubstr("peaks")));
}

}  // namespace
}  // namespace isobatch::cli
