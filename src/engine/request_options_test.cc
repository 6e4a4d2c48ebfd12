// What a request may ask for beside a temperature, on a model whose logits are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "engine/engine_test_support.h"
#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

struct RequestOptions : FakeEngineTest {
  std::string refusal(const Request& request) {
    try {
      make()->submit(request);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  // The same logits at every place.
  void always(std::vector<std::pair<TokenId, float>> likely) {
    transformer->logits = [likely](std::span<const TokenId>, float* logits) {
      std::fill_n(logits, kFakeVocab, 0.0f);
      for (const auto& [token, logit] : likely) logits[token] = logit;
    };
  }
  static Request request(int max_tokens) {
    Request r;
    r.prompt = {2};
    r.max_tokens = max_tokens;
    return r;
  }
};

TEST_F(RequestOptions, FrequencyPenaltyTakesTurns) {
  always({{3, 5}, {4, 4.5f}});
  Request r = request(5);
  r.sampling.frequency_penalty = 1;
  EXPECT_EQ(run(r).text, "bcbcb");
}

TEST_F(RequestOptions, RepetitionPenaltyCountsThePrompt) {
  always({{2, 5}, {3, 4}});
  Request r = request(2);
  r.sampling.repetition_penalty = 2;
  EXPECT_EQ(run(r).text, "ba");  // b: 2 and a: 2.5 from then on
}

TEST_F(RequestOptions, LogitBiasForcesAndForbids) {
  always({{2, 5}, {3, 4}});
  Request r = request(2);
  r.sampling.logit_bias = {{2, -100}};
  EXPECT_EQ(run(r).text, "bb");
  r.sampling.logit_bias = {{2, -100}, {9, 100}};
  EXPECT_EQ(run(r).text, "hh");
}

TEST_F(RequestOptions, DigestAndLogprobsAreOfTheModelsOwnLogits) {
  always({{2, 5}, {3, 4}});
  Request r = request(2);
  r.logprobs = true;
  const Result plain = run(r);
  r.sampling.logit_bias = {{2, -100}};
  const Result biased = run(r);
  EXPECT_EQ(biased.digest, plain.digest);
  EXPECT_EQ(plain.text, "aa");
  EXPECT_FLOAT_EQ(biased.logprobs[0], plain.logprobs[0] - 1);
}

TEST_F(RequestOptions, MinTokensHoldsBackTheEnd) {
  always({{kFakeEnd, 5}, {3, 4}});
  EXPECT_EQ(run(request(6)).tokens, (std::vector<TokenId>{kFakeEnd}));
  Request r = request(6);
  r.min_tokens = 3;
  const Result result = run(r);
  EXPECT_EQ(result.tokens, (std::vector<TokenId>{3, 3, 3, kFakeEnd}));
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
  r.ignore_eos = true;
  EXPECT_EQ(run(r).tokens[0], kFakeEnd);
}

TEST_F(RequestOptions, MinTokensHoldsBackStopStrings) {
  always({{3, 4}});
  Request r = request(6);
  r.stop = {"bb"};
  EXPECT_EQ(run(r).tokens.size(), 2u);
  r.min_tokens = 3;
  const Result result = run(r);
  EXPECT_EQ(result.text, "bbb");
  EXPECT_EQ(result.tokens.size(), 5u);
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
}

TEST_F(RequestOptions, StopStringsReachAcrossTokens) {
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = v == tokens.back() + 1 ? 1.0f : 0.0f;
  };
  Request r = request(10);
  r.stop = {"def", "xyz"};
  const Result result = run(r);
  EXPECT_EQ(result.text, "bc");
  EXPECT_EQ(result.tokens.size(), 5u);
}

TEST_F(RequestOptions, TopLogprobsAreTheLikeliest) {
  always({{4, 5}, {3, 5}, {9, 6}});
  Request r = request(2);
  r.logprobs = true;
  r.top_logprobs = 3;
  const Result result = run(r);
  ASSERT_EQ(result.top_logprobs.size(), 2u);
  ASSERT_EQ(result.top_logprobs[1].size(), 3u);
  EXPECT_EQ(result.top_logprobs[1][0].token, 9);
  EXPECT_EQ(result.top_logprobs[1][1].token, 3);
  EXPECT_EQ(result.top_logprobs[1][2].token, 4);
  EXPECT_EQ(result.top_logprobs[1][0].logprob, result.logprobs[1]);
}

TEST_F(RequestOptions, ScoresAloneAreTheScoresSeenOtherwise) {
  Request r;
  for (int i = 0; i < 100; ++i) r.prompt.push_back(2 + i * 7 % 60);
  r.prompt_logprobs = true;
  r.max_tokens = 1;
  const Result all = run(r);
  r.max_tokens = 0;
  const Result alone = run(r);
  EXPECT_TRUE(alone.tokens.empty());
  EXPECT_EQ(alone.finish_reason, FinishReason::length);
  EXPECT_EQ(alone.prompt_logprobs, all.prompt_logprobs);
  EXPECT_EQ(alone.prompt_greedy, all.prompt_greedy);
  r.scored_from = 97;
  const Result last = run(r);
  EXPECT_EQ(last.prompt_logprobs,
            (std::vector<float>(all.prompt_logprobs.end() - 3, all.prompt_logprobs.end())));
}

TEST_F(RequestOptions, GreedyTokensAreKnownAsSuch) {
  always({{4, 5}, {3, 5}});
  Request r;
  r.prompt = {2, 3, 4, 3};
  r.prompt_logprobs = true;
  r.max_tokens = 0;
  EXPECT_EQ(run(r).prompt_greedy, (std::vector<char>{1, 0, 1}));
}

// The choices of one question: the first computes the question, the others find it.
TEST_F(RequestOptions, ContinuationsShareTheirContext) {
  const auto engine = make();
  for (int i = 0; i < 4; ++i) {
    Request r;
    r.prompt.assign(100, 5);
    r.prompt.insert(r.prompt.end(), 3, 10 + i);
    r.prompt_logprobs = true;
    r.scored_from = 100;
    r.max_tokens = 0;
    engine->submit(r);
  }
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 3 * 96u);
  EXPECT_EQ(engine->stats().prefill_rows, 102u + 3 * 6);
}

TEST_F(RequestOptions, ChoicesShareTheirPrompt) {
  const auto engine = make();
  for (std::uint32_t i = 0; i < 4; ++i) {
    Request r;
    r.prompt.assign(70, 5);
    r.max_tokens = 3;
    r.sampling = {.temperature = 1, .choice = i};
    engine->submit(r);
  }
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 3 * 64u);
}

// Nothing waits for a beginning that is the smaller part.
TEST_F(RequestOptions, SmallSharesDoNotWait) {
  const auto engine = make();
  for (int i = 0; i < 2; ++i) {
    Request r;
    r.prompt.assign(32, 5);
    r.prompt.insert(r.prompt.end(), 60, 10 + i);
    r.max_tokens = 1;
    engine->submit(r);
  }
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefill_steps, 1u);
}

TEST_F(RequestOptions, RefusesWhatMakesNoSense) {
  Request r = request(3);
  r.min_tokens = 4;
  EXPECT_EQ(refusal(r), "request: min_tokens must be from 0 to max_tokens, 3, but is 4");
  r = request(3);
  r.top_logprobs = 21;
  EXPECT_EQ(refusal(r), "request: top_logprobs must be from 0 to 20, but is 21");
  r = request(0);
  EXPECT_EQ(refusal(r), "request: max_tokens may be 0 only where a token of the prompt is scored");
  r.prompt_logprobs = true;
  EXPECT_EQ(refusal(r), "request: max_tokens may be 0 only where a token of the prompt is scored");
  r = request(1);
  r.prompt_logprobs = true;
  r.scored_from = 2;
  EXPECT_EQ(refusal(r), "request: scored_from must be from 1 to the 1 tokens of the prompt, but is 2");
  r = request(3);
  r.sampling.logit_bias = {{kFakeVocab, 1}};
  EXPECT_THAT(refusal(r), testing::HasSubstr("logit_bias"));
}

}  // namespace
}  // namespace isobatch::engine
