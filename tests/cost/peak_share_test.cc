// Whether the quantized matrix products use their instructions: their share of the peak loop's rate, both
// timed here. The floor is far below what they reach, so that a busy machine passes and a wrecked kernel does
// not.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "isobatch/error.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"
#include "tests/support/kernel_inputs.h"

namespace isobatch::test {
namespace {

constexpr int kRows = 64, kDepth = 576, kOutputs = 1536;
// A tile product for 8-bit weights does half of what the peak counts, and all of them wait for scales.
double share_floor(std::string_view table) { return table == "amx" ? 0.03 : 0.15; }
constexpr int kTries = 30;

template <typename Run>
double best_seconds(Run&& run) {
  double best = 1e9;
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

class PeakShare : public ::testing::TestWithParam<const char*> {};

void expect_share(const kernels::KernelTable& table, const kernels::PeakLoop& loop, bool int8, double floor) {
  ASSERT_NE(loop.run, nullptr);
  constexpr std::int64_t kRounds = 200'000;
  const double peak = loop.operations_per_round * kRounds / best_seconds([&] { loop.run(kRounds); });
  for (const TensorType type : {TensorType::q4_1, TensorType::q4_0, TensorType::q8_0}) {
    MatrixSet weights(type, kOutputs, kDepth, 1);
    MatmulRows x(table, kRows, kDepth, kOutputs, int8);
    const double seconds = best_seconds([&] { x.multiply(weights.next()); });
    const double share = 2.0 * kRows * kDepth * kOutputs / seconds / peak;
    std::printf("%s %s, %d-bit activations: %.0f %% of %.0f Gop/s\n", table.name.data(),
                info(type).name.data(), int8 ? 8 : 12, 100 * share, peak / 1e9);
    EXPECT_GT(share, floor) << info(type).name;
    EXPECT_LT(share, 1.5) << "the peak loop is not the peak";
  }
}

TEST_P(PeakShare, IsAboveTheFloor) {
  const kernels::KernelTable* table = nullptr;
  try {
    table = kernels::choose_table(GetParam()).table;
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const kernels::PeakLoops loops = kernels::peak_loops(*table);
  expect_share(*table, loops.quantized, false, share_floor(GetParam()));
  expect_share(*table, loops.quantized8, true, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Tables, PeakShare, ::testing::Values("avx2", "avx512", "vnni", "amx"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace isobatch::test
