#include "audit/engines/child_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "isobatch/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temp_dir.h"

namespace isobatch::audit {
namespace {

using test::error_of;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::unique_ptr<EngineUnderTest> fake(const std::string& fault, double timeout = 60) {
  EngineOptions options;
  options.timeout_seconds = timeout;
  if (!fault.empty()) options.settings = {{"fault", fault}};
  return make_engine(
      "command:exec python3 '" ISOBATCH_SOURCE_DIR "/src/audit/engines/testdata/fake_adapter.py'", options);
}

Batch batch_of(std::vector<TokenId> last_tokens, int logits_steps = 0) {
  Batch batch;
  batch.logits_steps = logits_steps;
  for (const TokenId token : last_tokens) batch.rows.push_back({nullptr, {1, token}, 3, false});
  return batch;
}

std::string generate_error(const std::string& fault, double timeout = 60) {
  const auto engine = fake(fault, timeout);
  return error_of([&] { engine->generate(batch_of({1, 2}, 2), {}); });
}

TEST(ChildEngine, SaysWhoItIs) {
  const auto engine = fake("");
  const EngineInfo& info = engine->info();
  EXPECT_EQ(info.name, "fake");
  EXPECT_EQ(info.version, "fake 1");
  EXPECT_THAT(info.dtypes, ElementsAre("f32"));
  EXPECT_THAT(info.factors, ElementsAre(Factor::rerun, Factor::batch_size, Factor::prefix_cache));
  EXPECT_TRUE(info.tokens && info.logits && info.traces && !info.rectangular);
  EXPECT_EQ(info.vocab_size, 12);
  EXPECT_THAT(info.details, ElementsAre(std::pair("fault", "none")));
}

TEST(ChildEngine, Answers) {
  const auto engine = fake("");
  EXPECT_THAT(engine->tokenize({"id", {}, "ab", {}, ""}), ElementsAre(97 % 11, 98 % 11));
  const std::vector<Answer> answers = engine->generate(batch_of({4, 9}, 2), {});
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_THAT(answers[0].tokens, ElementsAre(5, 6, 7));
  EXPECT_EQ(answers[0].text, "5 6 7");
  EXPECT_FALSE(answers[0].stopped);
  EXPECT_THAT(answers[1].tokens, ElementsAre(10, 11));
  EXPECT_TRUE(answers[1].stopped);
  ASSERT_EQ(answers[1].logits.size(), 2u);
  EXPECT_EQ(answers[1].logits[1][11], 1.0f);
  EXPECT_EQ(answers[1].logits[1][10], 0.0f);
  EXPECT_THAT(answers[1].margins, ElementsAre(1, 1));
  EXPECT_THAT(engine->generate(batch_of({4}), {})[0].logits, IsEmpty());
  engine->clear_prefix_cache();
}

TEST(ChildEngine, Traces) {
  const Trace trace = fake("")->trace(batch_of({4}), 0, {}, 2);
  ASSERT_EQ(trace.ops.size(), 3u);
  EXPECT_EQ(trace.ops[0].op, Op::embedding);
  EXPECT_EQ(trace.ops[0].layer, -1);
  EXPECT_THAT(trace.ops[0].values, ElementsAre(1, 2));
  EXPECT_EQ(trace.ops[1].layer, 0);
  EXPECT_EQ(trace.ops[2].values[11], 11.0f);
}

TEST(ChildEngine, NotANumberIsAnAnswer) {
  const auto engine = fake("not a number");
  const std::vector<Answer> answers = engine->generate(batch_of({4}, 2), {});
  EXPECT_TRUE(std::isnan(answers[0].logits[0][3]));
  EXPECT_TRUE(std::isnan(answers[0].margins[0]));
}

TEST(ChildEngine, FailureToStart) {
  EXPECT_EQ(error_of([] { fake("refuse to start"); }), "adapter: start: ValueError: no such model");
  EXPECT_EQ(error_of([] { fake("die in start"); }),
            "adapter: start: ended: exit code 3; its last message: \"OSError: the disk is gone\"");
  EXPECT_THAT(error_of([] { fake("unknown factor"); }), HasSubstr("\"weather\" is no factor"));
  EXPECT_THAT(error_of([] { fake("no vocabulary"); }), HasSubstr("info.vocab_size"));
  EXPECT_THAT(error_of([] { make_engine("command:no-such-program", {}); }), HasSubstr("exit code 127"));
  EngineOptions options;
  options.settings = {{"falt", "x"}};
  EXPECT_THAT(error_of([&] {
                make_engine("command:exec python3 '" ISOBATCH_SOURCE_DIR
                            "/src/audit/engines/testdata/fake_adapter.py'",
                            options);
              }),
              HasSubstr("setting falt: unknown; there are: fault"));
}

TEST(ChildEngine, DeathSaysHowAndWhy) {
  EXPECT_EQ(generate_error("die in generate"),
            "fake: generate 2 rows: ended: exit code 3; its last message: \"OSError: the disk is gone\"");
  EXPECT_EQ(
      generate_error("killed in generate"),
      "fake: generate 2 rows: ended: signal 9 (Killed); its last message: \"a line on standard error\"");
}

TEST(ChildEngine, HangIsAnError) {
  EXPECT_EQ(generate_error("hang in generate", 3),
            "fake: generate 2 rows: no answer within 3 s; its last message: \"thinking\"");
}

TEST(ChildEngine, FloodOfWarningsIsNone) { EXPECT_EQ(generate_error("flood in generate"), "no error"); }

TEST(ChildEngine, NonsenseIsRefused) {
  EXPECT_THAT(generate_error("garbage in generate"),
              HasSubstr("expected a line of JSON, got \"Loading ?[1m? model\" (not valid "));
  EXPECT_THAT(generate_error("twice in generate"), HasSubstr("answer.number: expected 2, the question's"));
  EXPECT_THAT(generate_error("endless line in generate"), HasSubstr("a line of more than 67108864 bytes"));
  EXPECT_THAT(generate_error("token outside"),
              HasSubstr("answers[0].tokens: expected a token id of the vocabulary, got -1"));
  EXPECT_THAT(generate_error("row lost"), HasSubstr("answer.answers: expected 2, got 1"));
  EXPECT_THAT(generate_error("too long"), HasSubstr("answers[0].tokens: expected at most 3 tokens"));
  EXPECT_THAT(generate_error("logits of another token"),
              HasSubstr("answers[0].tokens: at step 0, the logits do not choose token 2"));
  EXPECT_THAT(generate_error("logits short"), HasSubstr("logits"));
  EXPECT_THAT(generate_error("margins short"),
              HasSubstr("answers[0].margins: expected as many as tokens, 3"));
}

TEST(ChildEngine, NonsenseElsewhere) {
  const auto engine = fake("token outside");
  EXPECT_THAT(error_of([&] {
                engine->tokenize({"first", {}, "ab", {}, ""});
              }),
              AllOf(StartsWith("fake: tokenize \"first\": "), HasSubstr("got 12")));
  const auto trace_error = [](const std::string& fault) {
    const auto child = fake(fault);
    return error_of([&] { child->trace(batch_of({4}), 0, {}, 2); });
  };
  EXPECT_THAT(trace_error("unknown operation"), HasSubstr("ops[2].op: expected the name of an operation"));
  EXPECT_THAT(trace_error("operation twice"), HasSubstr("layers.0.q of step 0 for the second time"));
  EXPECT_THAT(trace_error("values short"), HasSubstr("ops[2]: 1 × 12 values, and 1 are left"));
}

TEST(ChildEngine, WhatItRaisesLeavesItAlive) {
  const auto engine = fake("raise in generate");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(error_of([&] { engine->generate(batch_of({1}), {}); }),
              "fake: generate 1 row: RuntimeError: out of memory, ? say");
  }
  EXPECT_EQ(engine->trace(batch_of({4}), 0, {}, 2).ops.size(), 3u);
}

TEST(ChildEngine, StartsAnewAFewTimes) {
  const auto engine = fake("die in generate");
  for (int start = 0; start < ChildEngine::kMostStarts; ++start) {
    EXPECT_THAT(error_of([&] { engine->generate(batch_of({1}), {}); }), HasSubstr("ended: exit code 3"));
    if (start + 1 < ChildEngine::kMostStarts) {
      EXPECT_EQ(engine->trace(batch_of({4}), 0, {}, 2).ops.size(), 3u);
    }
  }
  EXPECT_THAT(error_of([&] { engine->generate(batch_of({1}), {}); }),
              AllOf(HasSubstr("not asked any more; before: ended: exit code 3"), HasSubstr("disk is gone")));
}

TEST(ChildEngine, RowsWithoutWhatItNeeds) {
  const auto engine = fake("");
  Batch batch = batch_of({1});
  batch.rows[0].tokens.clear();
  EXPECT_THAT(error_of([&] { engine->generate(batch, {}); }), HasSubstr("a row without tokens"));
}

TEST(MakeEngine, Names) {
  EXPECT_THAT(error_of([] { make_engine("no such engine", {}); }),
              AllOf(HasSubstr("engine: expected one of "), HasSubstr("got \"no such engine\"")));
}

TEST(MakeEngine, MissingSetUpSaysWhatToDo) {
  EngineOptions options;
  options.cache = "/nowhere";
  EXPECT_THAT(error_of([&] { make_engine("hf", options); }),
              AllOf(HasSubstr("`isobatch audit --setup hf`"), HasSubstr("/nowhere/hf")));
}

// A Python that is a shell script, to see what it is run with.
TEST(MakeEngine, PythonOfTheUsersOwn) {
  const test::TempDir folder;
  const std::filesystem::path python = folder / "python";
  std::ofstream(python) << "#!/bin/sh\necho \"$*, ${PYTHONPATH#*adapters-????????????????}\" >&2; exit 5\n";
  std::filesystem::permissions(python, std::filesystem::perms::owner_all);
  EngineOptions options;
  options.cache = folder / "cache";
  options.settings = {{"python", python.string()}};
  ::setenv("PYTHONPATH", "/their/own", 1);
  EXPECT_THAT(error_of([&] { make_engine("hf", options); }),
              HasSubstr("exit code 5; its last message: \"-m isobatch_audit.hf, :/their/own\""));
  ::unsetenv("PYTHONPATH");
  int adapters = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.cache)) {
    adapters += entry.path().filename() == "hf_engine.py";
  }
  EXPECT_EQ(adapters, 1);
}

}  // namespace
}  // namespace isobatch::audit
