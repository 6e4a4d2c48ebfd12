#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(std::string_view name, std::string_view text) {
  std::vector<std::string> pieces;
  PreTokenizer(name).split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

TEST(PreTokenizer, Gpt2) {
  EXPECT_THAT(split("gpt-2", "I'll pay  12345 euros!\n"),
              ElementsAre("I", "'ll", " pay", " ", " 12345", " euros", "!", "\n"));
  EXPECT_THAT(split("gpt-2", "x \t\n y"), ElementsAre("x", " \t\n", " y"));
  EXPECT_THAT(split("gpt-2", ""), ElementsAre());
}

TEST(PreTokenizer, SmollmSplitsEachDigitFirst) {
  EXPECT_THAT(split("smollm", "at 12½ m²"), ElementsAre("at", " ", "1", "2", "½", " m", "²"));
  EXPECT_THAT(split("smollm", "a  7"), ElementsAre("a", "  ", "7"));
}

TEST(PreTokenizer, LlamaTakesThreeDigitsAndQwenOne) {
  EXPECT_THAT(split("llama-bpe", "I'LL pay 12345!\n\n x"),
              ElementsAre("I", "'LL", " pay", " ", "123", "45", "!\n\n", " x"));
  EXPECT_THAT(split("qwen2", "(ab 12\r\n y"), ElementsAre("(ab", " ", "1", "2", "\r\n", " y"));
}

TEST(PreTokenizer, DeepSeekSplitsScripts) {
  EXPECT_THAT(split("deepseek-llm", "Hi 中文, 12\n x "),
              ElementsAre("Hi", " ", "中文", ",", " ", "1", "2", "\n", " x", " "));
}

TEST(PreTokenizer, KnownPatternsOnly) {
  EXPECT_TRUE(PreTokenizer::knows("[\r\n]"));
  EXPECT_TRUE(PreTokenizer::knows(R"([\r\n])"));
  EXPECT_FALSE(PreTokenizer::knows(R"(\w+)"));
  const std::vector<std::string> unknown = {R"(\w+)"};
  EXPECT_THROW(PreTokenizer{unknown}, Error);
}

TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
  EXPECT_THAT(split("gpt-2", "a\u00a0\u3000b"), ElementsAre("a", "\u00a0", "\u3000", "b"));
  EXPECT_THAT(split("gpt-2", "a\u180eb"), ElementsAre("a", "\u180e", "b"));  // not white space
  EXPECT_THAT(split("gpt-2", "!\u180e!"), ElementsAre("!\u180e!"));
  EXPECT_THAT(split("gpt-2", "!\u0085!"), ElementsAre("!", "\u0085", "!"));
}

TEST(PreTokenizer, LongPieces) {
  const std::string spaces(1 << 20, ' '), letters(1 << 20, 'x');
  EXPECT_THAT(split("smollm", spaces + letters), ElementsAre(spaces.substr(1), " " + letters));
}

TEST(PreTokenizer, AnUnknownNameIsNamedWithTheKnownOnes) {
  try {
    PreTokenizer("klingon");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_STREQ(error.what(),
                 "pre-tokenizer \"klingon\" is not known; known are: gpt-2, smollm, llama-bpe, qwen2, "
                 "deepseek-llm");
  }
}

}  // namespace
}  // namespace isobatch::text
