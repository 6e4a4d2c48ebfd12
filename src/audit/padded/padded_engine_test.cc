#include "audit/padded/padded_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "audit/engines/isobatch_engine.h"
#include "audit/logit_rows.h"
#include "isobatch/audit/audit.h"
#include "isobatch/error.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::audit {
namespace {

struct PaddedEngineTest : testing::Test {
  test::TempDir dir;
  EngineOptions options;

  PaddedEngineTest() {
    options.model = dir / "model.gguf";
    test::write_random_model(options.model,
                             {.matrix_type = TensorType::f32, .embedding_type = TensorType::f32});
    options.threads = 2;
  }

  static Batch batch(std::initializer_list<int> lengths, int max_tokens = 6) {
    Batch batch;
    batch.logits_steps = max_tokens;
    std::mt19937 random(7);
    for (const int length : lengths) {
      Row row;
      row.max_tokens = max_tokens;
      row.ignore_eos = true;
      for (int i = 0; i < length; ++i) row.tokens.push_back(static_cast<TokenId>(3 + random() % 256));
      batch.rows.push_back(row);
    }
    return batch;
  }

  // Greatest relative difference of any row of logits.
  static double distance(const std::vector<Answer>& a, const std::vector<Answer>& b) {
    double greatest = 0;
    EXPECT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].tokens, b[i].tokens);
      for (std::size_t step = 0; step < std::min(a[i].logits.size(), b[i].logits.size()); ++step) {
        greatest = std::max(greatest, difference(a[i].logits[step], b[i].logits[step]).relative);
      }
    }
    return greatest;
  }
};

TEST_F(PaddedEngineTest, ComputesWhatIsobatchComputes) {
  PaddedEngine padded(options);
  IsobatchEngine isobatch(options);
  Setting f32;
  f32.dtype = "f32";
  const Batch b = batch({5, 12, 9});
  EXPECT_LT(distance(padded.generate(b, f32), isobatch.generate(b, f32)), 1e-5);
}

TEST_F(PaddedEngineTest, HowItIsRunMovesItByRoundingOnly) {
  PaddedEngine padded(options);
  const Batch b = batch({5, 12, 9});
  const auto base = padded.generate(b, {});
  Setting right, extra, value, uncached, one_thread;
  right.padding_side = PaddingSide::right;
  extra.extra_padding = 7;
  value.padding_value = 33;
  uncached.kv_cache = false;
  one_thread.threads = 1;
  for (const Setting& setting : {right, extra, value, uncached, one_thread}) {
    EXPECT_LT(distance(base, padded.generate(b, setting)), 1e-5);
  }
  for (std::size_t i = 0; i < b.rows.size(); ++i) {
    Batch alone{.rows = {b.rows[i]}, .logits_steps = b.logits_steps};
    EXPECT_LT(distance({base[i]}, padded.generate(alone, {})), 1e-5);
  }
}

TEST_F(PaddedEngineTest, TracesARow) {
  PaddedEngine padded(options);
  const Batch b = batch({5, 12});
  const Trace trace = padded.trace(b, 0, {}, 2);
  ASSERT_FALSE(trace.ops.empty());
  EXPECT_EQ(trace.ops.front().op, Op::embedding);
  EXPECT_EQ(trace.ops.front().tokens, 5);
  EXPECT_EQ(trace.ops.back().op, Op::logits);
  EXPECT_EQ(trace.ops.back().step, 1);
  EXPECT_EQ(trace.ops.back().tokens, 1);
  for (const TracedOp& op : trace.ops) {
    EXPECT_EQ(op.values.size(), static_cast<std::size_t>(op.tokens) * op.width) << full_name(op.op, op.layer);
  }
}

// Two engines that name their operations alike can be compared with each other.
TEST_F(PaddedEngineTest, OperationsAreThoseOfIsobatch) {
  PaddedEngine padded(options);
  IsobatchEngine isobatch(options);
  Setting f32;
  f32.dtype = "f32";
  const Batch b = batch({5, 12, 9});
  const Trace ours = isobatch.trace(b, 1, f32, 3), theirs = padded.trace(b, 1, f32, 3);
  ASSERT_EQ(ours.ops.size(), theirs.ops.size());
  const TraceComparison comparison = compare_traces(ours, theirs, 1e-4);
  // The last layer's residual is known for the last token alone in one of them.
  EXPECT_EQ(comparison.growth.size(), ours.ops.size());
  EXPECT_FALSE(comparison.jump) << comparison.jump->op;
  for (const GrowthPoint& point : comparison.growth) EXPECT_LT(point.relative, 1e-5) << point.op;
}

// Whatever the batch, the chunk and the cache.
TEST_F(PaddedEngineTest, IsobatchHasTheSameBitsInEveryOperation) {
  IsobatchEngine isobatch(options);
  const Batch b = batch({5, 40, 9});
  const Batch alone{.rows = {b.rows[1]}, .logits_steps = 0};
  const Trace reference = isobatch.trace(alone, 0, {}, 3);
  Setting chunks, uncached, right;
  chunks.prefill_chunk = 16;
  uncached.kv_cache = false;
  uncached.prefill_chunk = 16;
  right.padding_side = PaddingSide::right;
  for (const Setting& setting : {Setting{}, chunks, uncached, right}) {
    const TraceComparison comparison = compare_traces(reference, isobatch.trace(b, 1, setting, 3), 1e-4);
    EXPECT_EQ(comparison.growth.size(), reference.ops.size());
    EXPECT_FALSE(comparison.first) << comparison.first->op;
  }
}

TEST_F(PaddedEngineTest, BadInput) {
  options.faults = {"no_such"};
  EXPECT_THROW(PaddedEngine{options}, Error);
  options.faults = {};
  test::write_random_model(options.model, {.family = "qwen3"});
  EXPECT_THROW(PaddedEngine{options}, Error);
}

}  // namespace
}  // namespace isobatch::audit
