#include "isobatch/score.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "isobatch/engine.h"
#include "isobatch/error.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::openai {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

ScoreLine parse(std::string_view text) { return parse_score_line(text, 7); }

TEST(ScoreLine, ReadsItsForms) {
  const ScoreLine one = parse(R"({"custom_id":"q","context":"a","continuation":" b"})");
  EXPECT_EQ(one.error, "");
  EXPECT_EQ(one.custom_id, "q");
  EXPECT_EQ(std::get<std::string>(one.context), "a");
  EXPECT_EQ(one.continuations, std::vector<std::string>{" b"});
  const ScoreLine several = parse(R"({"context":"","continuations":["b","c"]})");
  EXPECT_EQ(several.custom_id, "line-7");
  EXPECT_EQ(several.continuations, (std::vector<std::string>{"b", "c"}));
  const ScoreLine chat = parse(R"({"messages":[{"role":"user","content":"a"}],"continuation":"b"})");
  EXPECT_EQ(std::get<ChatInput>(chat.context).messages.size(), 1u);
  EXPECT_EQ(parse(R"({"text":"a"})").text, "a");
}

TEST(ScoreLine, RefusesOthers) {
  const auto error = [](std::string_view line) { return parse(line).error; };
  EXPECT_THAT(error("{}"), HasSubstr("expected one of text, context and messages, got none"));
  EXPECT_THAT(error(R"({"text":"a","context":"b"})"), HasSubstr("got several"));
  EXPECT_THAT(error(R"({"text":""})"), HasSubstr("text: expected a text that is not empty"));
  EXPECT_THAT(error(R"({"text":"a","continuation":"b"})"), HasSubstr("no continuation beside it"));
  EXPECT_THAT(error(R"({"context":"a"})"), HasSubstr("continuations is missing"));
  EXPECT_THAT(error(R"({"context":"a","continuation":""})"), HasSubstr("continuation: expected"));
  EXPECT_THAT(error(R"({"context":"a","continuations":[]})"), HasSubstr("at least one text"));
  EXPECT_THAT(error(R"({"context":"a","continuations":["b",5]})"), HasSubstr("continuations[1]"));
  EXPECT_THAT(error(R"({"context":"a","continuation":"b","continuations":["c"]})"),
              HasSubstr("continuations"));
  EXPECT_THAT(error(R"({"context":"a","continuation":"b","temperature":1})"), HasSubstr("temperature"));
  EXPECT_THAT(error("nonsense"), HasSubstr("not valid JSON"));
}

// A random model of 256 positions, whose tokens are bytes and a few pairs.
class Score : public ::testing::Test {
 protected:
  Score() {
    test::write_random_model(folder_ / "model.gguf", {});
    model_ = Model::load(folder_ / "model.gguf", {});
  }
  std::vector<Request> requests(const std::string& line) {
    const ScoreLine parsed = parse(line);
    EXPECT_EQ(parsed.error, "");
    return score_requests(parsed, *model_);
  }
  std::string error_of(const std::string& line) {
    try {
      requests(line);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  std::vector<TokenId> scored(const Request& request) {
    return {request.prompt.begin() + request.scored_from, request.prompt.end()};
  }
  Json record(const std::string& line, bool tokens = false) {
    const ScoreLine parsed = parse(line);
    const std::vector<Request> asked = score_requests(parsed, *model_);
    Engine engine(model_, Tuning{.threads = 1});
    for (const Request& request : asked) engine.submit(request);
    while (engine.step()) {
    }
    std::vector<Result> results(asked.size());
    for (auto& [id, result] : engine.take_finished()) results[id] = std::move(result);
    return Json::parse(score_record(parsed, asked, results, {"m", "f"}, {tokens}));
  }

  test::TempDir folder_;
  std::shared_ptr<const Model> model_;
};

TEST_F(Score, AContinuationIsScoredAfterItsContext) {
  const auto asked = requests(R"({"context":"xyz","continuations":["12","3"]})");
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(scored(asked[0]), model_->encode("12"));
  EXPECT_EQ(scored(asked[1]), model_->encode("3"));
  std::vector<TokenId> whole = model_->tokenize("xyz");
  EXPECT_EQ(asked[0].scored_from, static_cast<int>(whole.size()));
  EXPECT_EQ(asked[0].max_tokens, 0);
}

TEST_F(Score, SpaceAtTheEndOfTheContextIsScored) {
  const auto with = requests(R"({"context":"xyz ","continuation":"12"})")[0];
  const auto without = requests(R"({"context":"xyz","continuation":" 12"})")[0];
  EXPECT_EQ(with.prompt, without.prompt);
  EXPECT_EQ(with.scored_from, without.scored_from);
}

TEST_F(Score, NothingBeforeIsTheBeginningToken) {
  const Request request = requests(R"({"context":"","continuation":"12"})")[0];
  EXPECT_EQ(request.prompt[0], model_->beginning());
  EXPECT_EQ(request.scored_from, 1);
  EXPECT_EQ(requests(R"({"context":" ","continuation":"12"})")[0].scored_from, 1);
}

TEST_F(Score, LongContextsLoseTheirBeginning) {
  const std::string context(400, 'q');
  const Request request = requests(R"({"context":")" + context + R"(","continuation":"12"})")[0];
  EXPECT_EQ(request.prompt.size(), 257u);
  EXPECT_EQ(scored(request), model_->encode("12"));
  EXPECT_THAT(error_of(R"({"context":"a","continuation":")" + context + R"("})"), HasSubstr("400 tokens"));
}

// As get_rolling_token_windows and make_disjoint_window of lm-evaluation-harness, with 256 positions.
TEST_F(Score, TextsAreCutIntoWindows) {
  const auto windows = [this](int tokens) {
    std::vector<std::pair<std::size_t, int>> result;  // tokens, first scored
    std::size_t sum = 0;
    for (const Request& r : requests(R"({"text":")" + std::string(tokens, 'q') + R"("})")) {
      result.emplace_back(r.prompt.size(), r.scored_from);
      sum += r.prompt.size() - r.scored_from;
    }
    EXPECT_EQ(sum, static_cast<std::size_t>(tokens));
    return result;
  };
  using Windows = std::vector<std::pair<std::size_t, int>>;
  EXPECT_EQ(windows(1), (Windows{{2, 1}}));
  EXPECT_EQ(windows(256), (Windows{{257, 1}}));
  EXPECT_EQ(windows(257), (Windows{{257, 1}, {257, 256}}));
  EXPECT_EQ(windows(600), (Windows{{257, 1}, {257, 1}, {257, 169}}));
}

TEST_F(Score, TheSumIsThatOfTheTokens) {
  const Json score = record(R"({"context":"xyz","continuation":"1234"})", true)["scores"][0];
  double sum = 0;
  for (const Json& value : score["token_logprobs"]) sum += value.get<float>();
  EXPECT_EQ(score["logprob"], sum);
  EXPECT_LT(sum, 0);
  EXPECT_EQ(score["tokens"], 4);
  EXPECT_EQ(score["bytes"], 4);
  EXPECT_EQ(score["token_ids"], Json(model_->encode("1234")));
  EXPECT_FALSE(score["is_greedy"]);
}

TEST_F(Score, GreedyContinuationsAreKnown) {
  Engine engine(model_, Tuning{.threads = 1});
  Request request;
  request.prompt = model_->tokenize("xyz");
  request.max_tokens = 1;
  request.logprobs = true;
  engine.submit(request);
  while (engine.step()) {
  }
  const Result generated = engine.take_finished().at(0).second;
  const std::string next = model_->token_bytes(generated.tokens[0]);
  ScoreLine line = parse(R"({"context":"xyz","continuation":"?"})");
  line.continuations = {next};
  const std::vector<Request> asked = score_requests(line, *model_);
  ASSERT_EQ(scored(asked[0]), generated.tokens);  // the token does not join its context
  Engine scorer(model_, Tuning{.threads = 1});
  scorer.submit(asked[0]);
  while (scorer.step()) {
  }
  const Result result = scorer.take_finished().at(0).second;
  EXPECT_EQ(result.prompt_logprobs, generated.logprobs);
  EXPECT_EQ(result.prompt_greedy, std::vector<char>{1});
}

TEST_F(Score, ATextHasAPerplexity) {
  const Json score = record(R"({"text":"Hello, world, again."})")["score"];
  const double per_token = -score["logprob"].get<double>() / score["tokens"].get<double>();
  EXPECT_NEAR(score["perplexity"], std::exp(per_token), 1e-9 * std::exp(per_token));
  EXPECT_NEAR(score["bits_per_byte"], -score["logprob"].get<double>() / 20 / std::log(2.0), 1e-9);
  EXPECT_EQ(score["bytes"], 20);
  EXPECT_EQ(score["windows"], 1);
}

TEST(ScoreRecord, WhatIsNotFiniteIsNull) {
  const ScoreLine line = parse(R"({"text":"a"})");
  Request request;
  request.prompt = {1, 2};
  Result result;
  result.prompt_logprobs = {-std::numeric_limits<float>::infinity()};
  result.prompt_greedy = {0};
  const Json json = Json::parse(score_record(line, {&request, 1}, {&result, 1}, {"m", "f"}, {true}));
  EXPECT_TRUE(json["score"]["logprob"].is_null());
  EXPECT_TRUE(json["score"]["perplexity"].is_null());
  EXPECT_TRUE(json["score"]["bits_per_byte"].is_null());
}

}  // namespace
}  // namespace isobatch::openai
