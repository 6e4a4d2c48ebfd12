#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "engine/engine_test_support.h"
#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

constexpr int kContext = 256;

struct EngineTest : FakeEngineTest {
  // The token that follows is the last one plus one: "a" is continued by "bcd…".
  void count_up() {
    transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
      for (int v = 0; v < kFakeVocab; ++v) logits[v] = v == tokens.back() + 1 ? 1.0f : 0.0f;
    };
  }
  static Request request(int prompt, int max_tokens) {
    Request r;
    r.prompt.assign(prompt, 5);
    r.max_tokens = max_tokens;
    r.ignore_eos = true;
    return r;
  }
  static Request from_text(std::string_view text, int max_tokens) {
    Request r;
    for (char c : text) r.prompt.push_back(c - 'a' + 2);
    r.max_tokens = max_tokens;
    return r;
  }
  void set_pages(int pages) {
    tuning.kv_bytes = pages * transformer->kv_layout(KvDType::f32, tuning.page_size).page_bytes();
  }
  Result alone(const Request& request) {
    EngineHooks hooks;
    hooks.transformer = transformer;
    hooks.kernels = &fake_kernels();
    return run_alone(model, request, hooks);
  }
  std::string message(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(EngineTest, NothingToDo) {
  const auto engine = make();
  EXPECT_FALSE(engine->step());
  EXPECT_TRUE(engine->take_finished().empty());
}

TEST_F(EngineTest, GeneratesUntilMaxTokens) {
  count_up();
  const auto engine = make();
  EXPECT_EQ(engine->submit(from_text("a", 3)), 0u);
  const Result result = run_all(*engine).at(0);
  EXPECT_EQ(result.text, "bcd");
  EXPECT_EQ(result.tokens, (std::vector<TokenId>{3, 4, 5}));
  EXPECT_EQ(result.finish_reason, FinishReason::length);
  EXPECT_TRUE(result.logprobs.empty());
}

TEST_F(EngineTest, KeepsTheLogitsOfTheFirstTokens) {
  count_up();
  const auto engine = make();
  Request asked = from_text("a", 3);
  asked.logits = 2;
  engine->submit(asked);
  const Result result = run_all(*engine).at(0);
  ASSERT_EQ(result.logits.size(), 2u);
  for (int step = 0; step < 2; ++step) {
    ASSERT_EQ(result.logits[step].size(), static_cast<std::size_t>(kFakeVocab));
    for (int v = 0; v < kFakeVocab; ++v) EXPECT_EQ(result.logits[step][v], v == result.tokens[step] ? 1 : 0);
  }
}

TEST_F(EngineTest, StopsAtAnEndTokenWhichIsNoText) {
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = 0;
    logits[tokens.size() == 3 ? kFakeEnd : 7] = 1;
  };
  const auto engine = make();
  engine->submit(from_text("a", 9));
  Request ignoring = from_text("a", 4);
  ignoring.ignore_eos = true;
  engine->submit(ignoring);
  const auto results = run_all(*engine);
  EXPECT_EQ(results[0].tokens, (std::vector<TokenId>{7, 7, kFakeEnd}));
  EXPECT_EQ(results[0].text, "ff");
  EXPECT_EQ(results[0].finish_reason, FinishReason::stop);
  EXPECT_EQ(results[1].tokens, (std::vector<TokenId>{7, 7, kFakeEnd, 7}));
  EXPECT_EQ(results[1].finish_reason, FinishReason::length);
}

TEST_F(EngineTest, StopStringsCutTheTextButNotTheTokens) {
  count_up();
  const auto engine = make();
  std::string streamed;
  Request r = from_text("a", 20);
  r.stop = {"de"};
  engine->submit(r, [&](std::string_view piece) { streamed += piece; });
  const Result result = run_all(*engine).at(0);
  EXPECT_EQ(result.text, "bc");
  EXPECT_EQ(streamed, "bc");
  EXPECT_EQ(result.tokens.size(), 4u);
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
}

TEST_F(EngineTest, TextComesInWholeCharacters) {
  count_up();
  const auto engine = make();
  std::vector<std::string> pieces;
  Request r;
  r.prompt = {26};
  r.max_tokens = 3;
  engine->submit(r, [&](std::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_EQ(run_all(*engine).at(0).text, "z\u00e9");
  EXPECT_EQ(pieces, (std::vector<std::string>{"z", "\u00e9"}));
}

TEST_F(EngineTest, TheContextCutsMaxTokens) {
  const auto engine = make();
  engine->submit(request(kContext - 2, 50));
  engine->submit(request(kContext, 50));  // the last row's logits still give one
  const auto results = run_all(*engine);
  EXPECT_EQ(results[0].tokens.size(), 2u);
  EXPECT_EQ(results[0].finish_reason, FinishReason::length);
  EXPECT_EQ(results[1].tokens.size(), 1u);
}

TEST_F(EngineTest, ARowOfNothingButNanEndsOnlyItsRequest) {
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    const bool bad = tokens[0] == 3 && tokens.size() == 2;
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = bad ? std::nanf("") : v == 9;
  };
  const auto engine = make();
  engine->submit(from_text("a", 4));
  engine->submit(from_text("b", 4));
  const auto results = run_all(*engine);
  EXPECT_EQ(results[0].tokens.size(), 4u);
  EXPECT_EQ(results[1].finish_reason, FinishReason::error);
  EXPECT_EQ(results[1].error, "the logits after 2 tokens are all NaN");
  EXPECT_EQ(results[1].tokens, (std::vector<TokenId>{9}));
}

TEST_F(EngineTest, LogProbabilities) {
  const auto engine = make();
  Request r = request(40, 5);
  r.logprobs = true;
  r.prompt_logprobs = true;
  engine->submit(r);
  const Result result = run_all(*engine).at(0);
  ASSERT_EQ(result.logprobs.size(), 5u);
  ASSERT_EQ(result.prompt_logprobs.size(), 39u);
  for (float p : result.logprobs) EXPECT_TRUE(p < 0 && p > -5);
  for (float p : result.prompt_logprobs) EXPECT_LT(p, 0);
}

TEST_F(EngineTest, RefusesRequestsThatCanNeverRun) {
  set_pages(2);
  const auto engine = make();
  const auto submit = [&](Request r) { return message([&] { engine->submit(std::move(r)); }); };
  EXPECT_EQ(submit(request(0, 1)), "request: the prompt has no tokens, but needs at least 1");
  EXPECT_EQ(submit(request(257, 1)), "request: the prompt has 257 tokens, but the context has 256 positions");
  EXPECT_EQ(submit(request(3, 0)), "request: max_tokens may be 0 only where a token of the prompt is scored");
  Request r = request(3, 1);
  r.prompt[1] = kFakeVocab;
  EXPECT_EQ(submit(r), "request: token 1 of the prompt is 64, but must be from 0 to 63");
  r = request(3, 1);
  r.stop = {"x", ""};
  EXPECT_EQ(submit(r), "request: a stop string must not be empty");
  r.stop = {"\xff"};
  EXPECT_THAT(submit(r), testing::HasSubstr("stop string"));
  r = request(3, 1);
  r.sampling.top_p = 0;
  EXPECT_THAT(submit(r), testing::HasSubstr("top_p"));
  EXPECT_EQ(submit(request(60, 6)),
            "request: 60 prompt tokens and 6 new ones need 12288 bytes of KV pages, but the pool has 8192");
  EXPECT_EQ(submit(request(60, 5)), "no error");  // the last one is not computed
  EXPECT_EQ(run_all(*engine).size(), 1u);
}

TEST_F(EngineTest, RefusesTuningThatCannotBeUsed) {
  const auto with = [&](auto Tuning::*field, auto value) {
    Tuning saved = tuning;
    tuning.*field = value;
    const std::string text = message([&] { make(); });
    tuning = saved;
    return text;
  };
  EXPECT_EQ(with(&Tuning::max_batch, 0), "engine: max_batch must be from 1 to 65536, but is 0");
  EXPECT_EQ(with(&Tuning::threads, -1), "engine: threads must be from 0 to 1024, but is -1");
  EXPECT_EQ(with(&Tuning::speculate, 1025), "engine: speculate must be from 0 to 1024, but is 1025");
  EXPECT_EQ(with(&Tuning::page_size, 48), "engine: page_size must be a multiple of 32, but is 48");
  EXPECT_EQ(with(&Tuning::max_step_rows, 0), "engine: max_step_rows must be from 1 to 1048576, but is 0");
  EXPECT_EQ(with(&Tuning::kv_bytes, 10),
            "KV pool: a page of 32 positions needs 4096 bytes, but the pool may have 10");
}

TEST_F(EngineTest, DecodesAllRunningRequestsInOneStep) {
  const auto engine = make();
  for (int i = 0; i < 100; ++i) engine->submit(request(10, 2 + i % 9));
  EXPECT_EQ(run_all(*engine).size(), 100u);
  EXPECT_EQ(engine->stats().max_decode_rows, 64u);
  EXPECT_EQ(*std::ranges::max_element(transformer->step_rows), 512);
  EXPECT_EQ(engine->stats().prefill_rows, 1000u);
  EXPECT_EQ(engine->stats().preemptions, 0u);
  const auto& rows = transformer->step_rows;
  EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), 0u),
            engine->stats().prefill_rows + engine->stats().decode_rows);
}

// "abcd" over and over.
TEST_F(EngineTest, VerifiesDraftsInOneStep) {
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = v == 2 + (tokens.back() - 1) % 4 ? 1.0f : 0.0f;
  };
  tuning.speculate = 7;
  const auto engine = make();
  std::vector<std::string> pieces;
  Request r = from_text("abcdabc", 17);
  engine->submit(r, [&](std::string_view piece) { pieces.emplace_back(piece); });
  engine->submit(r);
  const auto results = run_all(*engine);
  EXPECT_EQ(results[0].text, "dabcdabcdabcdabcd");
  EXPECT_EQ(pieces.size(), 17u);
  EXPECT_TRUE(same(results[0], results[1]));
  EXPECT_EQ(transformer->step_rows, (std::vector<int>{14, 16, 16}));  // two requests
  EXPECT_EQ(engine->stats().decode_rows, 32u);
  EXPECT_EQ(engine->stats().max_decode_rows, 16u);
  EXPECT_EQ(engine->stats().drafted_tokens, 28u);
  EXPECT_EQ(engine->stats().accepted_tokens, 28u);
}

// The draft goes on behind the stop string, the end token and max_tokens; the answers and digests do not.
TEST_F(EngineTest, ADraftDoesNotOutliveItsRequest) {
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = 0.01f * static_cast<float>(tokens.size());
    logits[tokens.back() == 5 ? kFakeEnd : tokens.back() + 1] = 9;
  };
  tuning.speculate = 8;
  Request r = from_text("abcdabcdab", 9);
  r.prompt.insert(r.prompt.end() - 2, {kFakeEnd, 7});
  for (const bool ignore_eos : {false, true}) {
    for (const std::vector<std::string>& stop : {std::vector<std::string>{}, {"c"}, {"cda"}}) {
      for (const int max_tokens : {1, 2, 3, 9}) {
        r.ignore_eos = ignore_eos;
        r.stop = stop;
        r.max_tokens = max_tokens;
        const auto engine = make();
        engine->submit(r);
        EXPECT_TRUE(same(run_all(*engine).at(0), alone(r)));
      }
    }
  }
}

TEST_F(EngineTest, WithoutKvCacheNothingIsDrafted) {
  tuning.kv_cache = false;
  tuning.speculate = 4;
  const auto engine = make();
  engine->submit(request(5, 3));
  run_all(*engine);
  EXPECT_EQ(transformer->step_rows, (std::vector<int>{5, 6, 7}));
}

TEST_F(EngineTest, SharesThePagesOfEqualPrefixes) {
  const auto engine = make();
  engine->submit(request(100, 1));
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 0u);
  engine->submit(request(100, 1));
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 96u);
  engine->submit(request(96, 1));  // the last token is computed all the same
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 96u + 95u);
  Request scoring = request(100, 1);
  scoring.prompt_logprobs = true;
  engine->submit(scoring);
  run_all(*engine);
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 96u + 95u);
}

// Two that differ in the middle of a page: what they begin with is computed once, and the second gives what
// it gives alone.
TEST_F(EngineTest, CopiesTheBeginningOfAPageThatGoesOnInAnotherWay) {
  for (const int common : {1, 31, 32, 33, 63, 70, 95}) {
    Request first = request(100, 1), second = request(100, 5);
    for (std::size_t i = common; i < second.prompt.size(); ++i) second.prompt[i] = 9;
    second.prompt[common] = first.prompt[common] == 3 ? 4 : 3;
    const auto engine = make();
    engine->submit(first);
    run_all(*engine);
    engine->submit(second);
    EXPECT_TRUE(same(run_all(*engine).at(0), alone(second))) << common;
    EXPECT_EQ(engine->stats().prefix_hit_tokens, static_cast<std::uint64_t>(common));
    EXPECT_EQ(engine->stats().prefill_rows, 200u - common);
  }
}

// The page that would be copied is the last that the pool can give.
TEST_F(EngineTest, ACopyGivesWayWhereItsSourceIsNeeded) {
  set_pages(4);
  Request first = request(100, 1), second = request(110, 1);
  second.prompt[20] = first.prompt[20] == 3 ? 4 : 3;
  const auto engine = make();
  engine->submit(first);
  run_all(*engine);
  engine->submit(second);  // wants all four pages
  EXPECT_TRUE(same(run_all(*engine).at(0), alone(second)));
  EXPECT_EQ(engine->stats().prefix_hit_tokens, 0u);
  EXPECT_EQ(engine->stats().prefill_rows, 210u);
}

TEST_F(EngineTest, PreemptsWhenPagesRunOut) {
  tuning.prefix_cache = false;
  set_pages(4);
  const auto engine = make();
  for (int i = 0; i < 3; ++i) engine->submit(request(31, 60));
  EXPECT_EQ(run_all(*engine).size(), 3u);
  EXPECT_GT(engine->stats().preemptions, 0u);
}

TEST_F(EngineTest, WithoutKvCacheEverythingIsComputedAgain) {
  tuning.kv_cache = false;
  const auto engine = make();
  engine->submit(request(5, 3));
  run_all(*engine);
  EXPECT_EQ(transformer->step_rows, (std::vector<int>{5, 6, 7}));
}

TEST_F(EngineTest, AThrowingCallbackHarmsNothing) {
  count_up();
  const auto engine = make();
  std::string first;
  std::string second;
  engine->submit(from_text("a", 4), [&](std::string_view piece) {
    first += piece;
    throw std::runtime_error("full");
  });
  engine->submit(from_text("a", 4), [&](std::string_view piece) { second += piece; });
  int thrown = 0;
  for (bool more = true; more;) {
    try {
      more = engine->step();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_EQ(thrown, 4);
  EXPECT_EQ(first, "bcde");
  EXPECT_EQ(second, "bcde");
  EXPECT_EQ(engine->take_finished().size(), 2u);
}

TEST_F(EngineTest, ACallbackMaySubmit) {
  count_up();
  const auto engine = make();
  bool submitted = false;
  engine->submit(from_text("a", 2), [&](std::string_view) {
    if (!submitted) engine->submit(from_text("c", 2));
    submitted = true;
  });
  const auto results = run_all(*engine);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].text, "de");
}

TEST_F(EngineTest, AFailedPassCanBeTriedAgain) {
  const Request r = request(50, 20);
  const Result undisturbed = alone(r);
  const auto engine = make();
  engine->submit(r);
  engine->step();
  transformer->failures = 1;
  EXPECT_THROW(engine->step(), std::bad_alloc);
  EXPECT_TRUE(same(run_all(*engine).at(0), undisturbed));
}

}  // namespace
}  // namespace isobatch::engine
