// What transformers once answered, read by the auditor's side. The recording is of the first two layers of
// SmolLM2-135M-Instruct, whose answers make no sense. To make it anew:
//   ISOBATCH_RECORD_HF="PYTHON -m isobatch_audit.hf" ISOBATCH_RECORD_MODEL=DIR PYTHONPATH=python
//   audit_engines_test …
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "audit/engines/child_engine.h"

namespace isobatch::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr int kHidden = 576, kLayers = 2, kVocab = 49152;

std::unique_ptr<EngineUnderTest> recorded() {
  const std::string folder = ISOBATCH_SOURCE_DIR "/src/audit/engines/testdata/";
  const char* record = std::getenv("ISOBATCH_RECORD_HF");
  const std::string command =
      record ? "record '" + folder + "hf.session.gz' " + record : "replay '" + folder + "hf.session.gz'";
  EngineOptions options;
  if (const char* model = std::getenv("ISOBATCH_RECORD_MODEL")) options.model = model;
  return std::make_unique<ChildEngine>(
      "hf", ChildCommand{{"/bin/sh", "-c", "exec python3 '" + folder + "session.py' " + command}, {}},
      options);
}

TEST(RecordedHf, InfoAnswersAndTrace) {
  const auto engine = recorded();
  const EngineInfo& info = engine->info();
  EXPECT_EQ(info.name, "hf");
  EXPECT_THAT(info.version, StartsWith("transformers 5."));
  EXPECT_THAT(info.dtypes, ElementsAre("bf16", "f32", "f16"));
  EXPECT_TRUE(info.tokens && info.logits && info.traces && info.rectangular);
  EXPECT_TRUE(info.factors.contains(Factor::padding_value));
  EXPECT_FALSE(info.factors.contains(Factor::prefix_cache));
  EXPECT_EQ(info.vocab_size, kVocab);

  Prompt prompt;
  prompt.messages = {{"user", "Is snow cold?"}};
  const std::vector<TokenId> tokens = engine->tokenize(prompt);
  EXPECT_GT(tokens.size(), 10u);
  EXPECT_EQ(tokens.front(), 1);  // <|im_start|>

  Batch batch;
  batch.rows = {{nullptr, {1, 4093}, 4, false}, {nullptr, {1}, 2, true}};
  for (const Answer& answer : engine->generate(batch, {})) EXPECT_TRUE(answer.logits.empty());
  batch.rows.pop_back();
  batch.logits_steps = 1;
  const std::vector<Answer> answers = engine->generate(batch, {});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].tokens.size(), 4u);
  ASSERT_EQ(answers[0].logits.size(), 1u);

  const Trace trace = engine->trace(batch, 0, {}, 1);
  std::size_t next = 0;
  const auto expect = [&](Op op, int layer, int tokens_of_op, int width) {
    ASSERT_LT(next, trace.ops.size());
    const TracedOp& traced = trace.ops[next++];
    EXPECT_EQ(full_name(traced.op, traced.layer), full_name(op, layer));
    EXPECT_EQ(traced.tokens, tokens_of_op);
    EXPECT_EQ(traced.width, width);
  };
  expect(Op::embedding, -1, 2, kHidden);
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int op = static_cast<int>(Op::attention_norm); op <= static_cast<int>(Op::ffn_residual); ++op) {
      const Op each = static_cast<Op>(op);
      const bool is_kv = each == Op::k || each == Op::v || each == Op::k_rope;
      const bool is_ffn = each == Op::gate || each == Op::up || each == Op::activation;
      expect(each, layer, 2, is_kv ? kHidden / 3 : is_ffn ? 1536 : kHidden);
    }
  }
  expect(Op::final_norm, -1, 2, kHidden);
  expect(Op::logits, -1, 1, kVocab);
  EXPECT_EQ(next, trace.ops.size());
  EXPECT_EQ(trace.ops.back().values, answers[0].logits[0]);  // a hook changes no bit
}

}  // namespace
}  // namespace isobatch::audit
