// Constraints on a model whose logits are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_test_support.h"
#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

using testing::HasSubstr;

struct ConstraintTest : FakeEngineTest {
  void always(std::vector<std::pair<TokenId, float>> likely) {
    transformer->logits = [likely](std::span<const TokenId>, float* logits) {
      std::fill_n(logits, kFakeVocab, 0.0f);
      for (const auto& [token, logit] : likely) logits[token] = logit;
    };
  }
  static Request request(std::string regex, int max_tokens = 20) {
    Request r;
    r.prompt = {2};
    r.max_tokens = max_tokens;
    r.constraint.regex = std::move(regex);
    return r;
  }
};

TEST_F(ConstraintTest, TheAnswerEndsWhereNothingMayFollow) {
  always({{5, 5}});
  const Result result = run(request("ab{2}|ac"));
  EXPECT_EQ(result.text, "abb");
  EXPECT_EQ(result.tokens, (std::vector<TokenId>{2, 3, 3}));
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
  Request r = request("");
  r.constraint.choices = {"no", "yes", "nope"};
  always({{'n' - 'a' + 2, 5}});
  EXPECT_EQ(run(r).text, "no");  // of "p" and the end, the smaller id
  r.ignore_eos = true;
  EXPECT_EQ(run(r).text, "nope");
}

TEST_F(ConstraintTest, TheEndComesWhereTheTextMayEnd) {
  always({{kFakeEnd, 5}, {2, 4}});
  EXPECT_EQ(run(request("a{3,}")).tokens, (std::vector<TokenId>{2, 2, 2, kFakeEnd}));
  EXPECT_EQ(run(request("a{3,}|x", 2)).finish_reason, FinishReason::length);
  Request r = request("a*");
  r.min_tokens = 5;
  EXPECT_EQ(run(r).tokens, (std::vector<TokenId>{2, 2, 2, 2, 2, kFakeEnd}));
  r.ignore_eos = true;
  EXPECT_EQ(run(r).text, std::string(20, 'a'));
}

TEST_F(ConstraintTest, ControlTokensAreNoText) {
  always({{1, 9}, {3, 4}});
  EXPECT_EQ(run(request(".{3}")).text, "bbb");
}

TEST_F(ConstraintTest, DigestAndLogprobsAreOfTheModelsOwnLogits) {
  always({{3, 5}});
  Request r = request("[bc]c");
  r.logprobs = true;
  const Result result = run(r);
  r.constraint = {};
  r.max_tokens = 2;
  EXPECT_EQ(result.text, "bc");
  const Result free = run(r);
  EXPECT_EQ(result.digest, free.digest);
  EXPECT_FLOAT_EQ(result.logprobs[1], free.logprobs[1] - 5);
}

TEST_F(ConstraintTest, PenaltiesComeAfterTheConstraint) {
  always({{3, 5}, {4, 4.5f}, {5, 9}});
  Request r = request("[bc]{4}");
  r.sampling.frequency_penalty = 1;
  EXPECT_EQ(run(r).text, "bcbc");
}

TEST_F(ConstraintTest, AStopStringEndsItAsAnyAnswer) {
  always({{2, 5}});
  Request r = request("a{9}");
  r.stop = {"aaa"};
  const Result result = run(r);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.tokens.size(), 3u);
}

TEST_F(ConstraintTest, WhatTheVocabularyCannotSayEndsWithAnError) {
  const Result result = run(request("ab?C"));
  EXPECT_EQ(result.finish_reason, FinishReason::error);
  EXPECT_EQ(result.error, "constraint: no token of the vocabulary may follow after 2 tokens");
}

TEST_F(ConstraintTest, ABadConstraintIsRefused) {
  const auto engine = make();
  const auto refusal = [&](const Request& r) {
    try {
      engine->submit(r);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal(request("(a")), HasSubstr("regex: regular expression: expected ) at byte 2"));
  Request two = request("a");
  two.constraint.choices = {"b"};
  EXPECT_THAT(refusal(two), HasSubstr("a constraint has one of"));
  EXPECT_FALSE(engine->step());
}

// Drafts, preemption, chunks and company change nothing.
TEST_F(ConstraintTest, TheSameAnswerHoweverItIsRun) {
  std::vector<Request> requests;
  for (const char* regex :
       {"[a-d]{40,60}", "(ab|ba|abc)*é", "([a-c]{3}z)+", "[^a]{1,50}", "(abc){10,20}|a*"}) {
    for (int i = 0; i < 4; ++i) {
      Request r = request(regex, 70);
      r.prompt.assign(static_cast<std::size_t>(1 + 20 * i), 3);
      r.sampling.temperature = i % 2 == 0 ? 0.0f : 1.0f;
      r.sampling.seed = static_cast<std::uint64_t>(i);
      r.ignore_eos = i == 3;
      requests.push_back(r);
    }
  }
  std::vector<Result> alone;
  for (const Request& r : requests) alone.push_back(run(r));
  std::uint64_t accepted = 0, preempted = 0;
  for (const int speculate : {0, 3, 8}) {
    tuning.speculate = speculate;
    tuning.max_step_rows = 40 + speculate;
    const kernels::KvLayout layout = transformer->kv_layout(KvDType::f32, tuning.page_size);
    tuning.kv_bytes = layout.page_bytes() * 12;
    const auto engine = make();
    for (const Request& r : requests) engine->submit(r);
    const std::vector<Result> together = run_all(*engine);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_TRUE(same(together[i], alone[i])) << i << ": " << together[i].text << " / " << alone[i].text;
    }
    accepted += engine->stats().accepted_tokens;
    preempted += engine->stats().preemptions;
  }
  EXPECT_GT(accepted, 0u);
  EXPECT_GT(preempted, 0u);
}

}  // namespace
}  // namespace isobatch::engine
