// A profile accounts for the steps and moves no bit; peaks are what they say they are.
#include "isobatch/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "isobatch/error.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch {
namespace {

using testing::Contains;
using testing::Field;
using testing::Not;

std::vector<Digest> digests(Engine& engine, const std::function<bool()>& step) {
  for (int i = 0; i < 5; ++i) {
    Request request;
    for (int t = 0; t < 10 + 7 * i; ++t) request.prompt.push_back(3 + (t * (i + 5)) % 256);
    request.max_tokens = 6;
    request.ignore_eos = true;
    engine.submit(std::move(request));
  }
  while (step()) {
  }
  std::vector<Digest> result(5);
  for (const auto& [id, own] : engine.take_finished()) result[id] = own.digest;
  return result;
}

TEST(ProfiledEngine, AccountsForEachStepAndMovesNoBit) {
  const test::TempDir folder;
  test::write_random_model(folder / "model.gguf", {});
  const auto model = Model::load(folder / "model.gguf", {});
  const Tuning tuning{.threads = 2};
  Engine plain(model, tuning);
  ProfiledEngine profiled(model, tuning);

  const auto start = std::chrono::steady_clock::now();
  const auto with_profile = digests(profiled.engine(), [&] { return profiled.step(); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(with_profile, digests(plain, [&] { return plain.step(); }));

  EXPECT_EQ(profiled.prefill().steps, plain.stats().prefill_steps);
  EXPECT_EQ(profiled.decode().steps, plain.stats().decode_steps);
  double sum = 0;
  for (const StepTimes& times : {profiled.prefill(), profiled.decode()}) {
    for (const StageTime& stage : times.stages) {
      EXPECT_GT(stage.seconds, 0) << stage.name;
      if (stage.thread_seconds) {
        EXPECT_GT(*stage.thread_seconds, 0) << stage.name;
        EXPECT_LE(*stage.thread_seconds, 2 * stage.seconds) << stage.name;
      }
      sum += stage.seconds;
    }
  }
  EXPECT_LE(sum, seconds);
  EXPECT_EQ(profiled.prefill().stages.size(), profiled.decode().stages.size() + 1);
  EXPECT_THAT(profiled.prefill().stages, Contains(Field(&StageTime::name, "store_kv")));
  EXPECT_THAT(profiled.decode().stages, Not(Contains(Field(&StageTime::name, "store_kv"))));
  profiled.clear();
  EXPECT_EQ(profiled.decode().steps, 0u);
}

// Operations/s that any machine reaches. A sanitizer's checks in the loops leave no such floor.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr double kLeastRate = 0;
#else
constexpr double kLeastRate = 1e9;
#endif

TEST(Peaks, AreMeasuredWhereTheyAreKnown) {
  const MachinePeaks ref = measure_peaks("ref", 1, 1 << 20);
  EXPECT_GT(ref.bandwidth, 1e8);
  EXPECT_GT(ref.stream_bandwidth, 1e8);
  EXPECT_EQ(ref.quantized, 0);  // not known, and said so
  EXPECT_THROW(measure_peaks("abacus", 1, 1 << 20), Error);
  try {
    const MachinePeaks avx2 = measure_peaks("avx2", 2, 1 << 20);
    EXPECT_EQ(avx2.threads, 2);
    EXPECT_GT(avx2.quantized, kLeastRate);
    EXPECT_GT(avx2.f32, kLeastRate);
    EXPECT_FALSE(avx2.quantized_instruction.empty());
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace isobatch
