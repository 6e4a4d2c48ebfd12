// isobatch score on a small random model: the same bytes however it is run.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"
#include "tests/support/random.h"

namespace isobatch::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class ScoreCommand : public ::testing::Test {
 protected:
  std::string score(const std::string& input, std::vector<std::string> options = {}, int exit_code = 0) {
    write_text(folder_.at("in.jsonl"), input);
    std::vector<std::string> arguments = {"score", folder_.at("in.jsonl"), "-o", folder_.at("out.jsonl"),
                                          "-m",    folder_.model()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    last_ = run_cli(arguments);
    EXPECT_EQ(last_.exit_code, exit_code) << last_.err;
    return read_text(folder_.at("out.jsonl"));
  }
  CliFolder folder_;
  Outcome last_;
};

std::string mixed_lines() {
  Random random(5);
  std::string text;
  const auto words = [&](std::size_t length) { return std::string(length, char('a' + random.below(26))); };
  for (int i = 0; i < 30; ++i) {
    Json line;
    if (i % 3 == 0) {
      line = {{"context", words(20 + random.below(120))},
              {"continuations", {" yes", " no", " maybe " + words(9)}}};
    } else if (i % 3 == 1) {
      line = {{"text", words(1 + random.below(700))}};
    } else {
      line = {{"messages", {{{"role", "user"}, {"content", words(random.below(60))}}}},
              {"continuation", words(5)}};
    }
    text += line.dump() + "\n";
  }
  return text;
}

TEST_F(ScoreCommand, OutputIsTheSameBytesHoweverItIsRun) {
  const std::string input = mixed_lines();
  const std::string expected = score(input, {"--batch-size", "1", "--threads", "1", "--tokens"});
  ASSERT_EQ(lines_of(expected).size(), 30u);
  const std::vector<std::vector<std::string>> ways = {
      {"--batch-size", "5"},   {"--batch-size", "64", "--threads", "3"},
      {"--kernels", "ref"},    {"--chunk", "7"},
      {"--page-size", "64"},   {"--no-prefix-cache"},
      {"--kv-memory", "512K"}, {"--no-kv-cache"},
  };
  for (std::vector<std::string> way : ways) {
    way.push_back("--tokens");
    EXPECT_TRUE(score(input, way) == expected) << ::testing::PrintToString(way);
  }
}

TEST_F(ScoreCommand, RecordsHoldScores) {
  const auto lines =
      lines_of(score("{\"context\":\"a\",\"continuations\":[\"b\",\"cd\"]}\n{\"text\":\"hello\"}\n"));
  ASSERT_EQ(lines.size(), 2u);
  const Json choices = Json::parse(lines[0]), text = Json::parse(lines[1]);
  EXPECT_EQ(choices["custom_id"], "line-1");
  ASSERT_EQ(choices["scores"].size(), 2u);
  EXPECT_LT(choices["scores"][0]["logprob"], 0);
  EXPECT_EQ(choices["scores"][1]["bytes"], 2);
  EXPECT_FALSE(choices["scores"][0].contains("token_ids"));
  EXPECT_GT(text["score"]["perplexity"], 1);
  EXPECT_THAT(last_.err, HasSubstr("2 answered, 0 failed"));
}

TEST_F(ScoreCommand, BadLinesAreErrorRecords) {
  const auto lines = lines_of(score("{\"context\":\"a\"}\n{\"text\":\"b\"}\n", {}, 1));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("line 1: continuations is missing"));
}

}  // namespace
}  // namespace isobatch::test
