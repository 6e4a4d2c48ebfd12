#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "isobatch/error.h"
#include "text/tokenizer_test_support.h"

namespace isobatch::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TokenId kHe = 260, kHell = 262;

TEST(Tokenizer, MergesAndBytes) {
  const auto tokenizer = Tokenizer::create(small_spec());
  EXPECT_THAT(tokenizer->encode("hell he", false, false), ElementsAre(kHell, small_id(' '), kHe));
  EXPECT_EQ(tokenizer->bytes(kHell), "hell");
  EXPECT_EQ(tokenizer->bytes(small_id(0xE2)), "\xe2");
  EXPECT_EQ(tokenizer->vocab_size(), 263);
}

TEST(Tokenizer, LongestSpecialTokenAtTheEarliestPlace) {
  const auto tokenizer = Tokenizer::create(small_spec());
  EXPECT_THAT(
      tokenizer->encode("<s>mor<s>more<tool><s", false, true),
      ElementsAre(0, small_id('m'), small_id('o'), small_id('r'), 2, 3, small_id('<'), small_id('s')));
  EXPECT_THAT(tokenizer->encode("<s>", false, false),
              ElementsAre(small_id('<'), small_id('s'), small_id('>')));
}

TEST(Tokenizer, AddsBosAndEosByTheModelsRules) {
  TokenizerSpec spec = small_spec();
  spec.add_bos = spec.add_eos = true;
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("he", true, true), ElementsAre(0, kHe, 1));
  EXPECT_THAT(tokenizer->encode("he", false, true), ElementsAre(kHe));
  EXPECT_THAT(tokenizer->encode("", true, true), ElementsAre(0, 1));
}

TEST(Tokenizer, DecodeLeavesOutControlTokensAndReplacesBrokenCharacters) {
  const auto tokenizer = Tokenizer::create(small_spec());
  const std::vector<TokenId> split = {
      0, small_id(0xE2), 2, small_id(0x82), small_id(0xAC), 3, small_id(0xFF), kHe, 1};
  EXPECT_EQ(tokenizer->decode(split), "€<tool>\xef\xbf\xbdhe");
  EXPECT_TRUE(tokenizer->is_control(0));
  EXPECT_FALSE(tokenizer->is_control(3));
  EXPECT_TRUE(tokenizer->is_end(1));
  EXPECT_FALSE(tokenizer->is_end(0));
}

TEST(Tokenizer, RefusesBadInput) {
  const auto tokenizer = Tokenizer::create(small_spec());
  try {
    tokenizer->encode("caf\xe9", true, true);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_STREQ(error.what(), "text to tokenize: expected UTF-8, found byte 0xe9 at byte offset 3");
  }
  const std::vector<TokenId> outside = {263};
  EXPECT_THROW(tokenizer->decode(outside), Error);
  EXPECT_THROW(tokenizer->bytes(-1), Error);
}

struct BadSpec {
  const char* name;
  void (*spoil)(TokenizerSpec&);
  ErrorCode code;
  const char* message;
};

class TokenizerSpecTest : public ::testing::TestWithParam<BadSpec> {};

TEST_P(TokenizerSpecTest, IsRefused) {
  TokenizerSpec spec = small_spec();
  GetParam().spoil(spec);
  try {
    Tokenizer::create(spec);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TokenizerSpecTest,
    ::testing::Values(
        BadSpec{"model", [](TokenizerSpec& s) { s.model = "wpm"; }, ErrorCode::unsupported,
                "tokenizer model \"wpm\" is not known; known are: gpt2, llama, t5"},
        BadSpec{"pre", [](TokenizerSpec& s) { s.pre_tokenizer = "x"; }, ErrorCode::unsupported, "\"x\""},
        BadSpec{"merge", [](TokenizerSpec& s) { s.merges.push_back("he re"); }, ErrorCode::corrupt_file,
                "merge 3 (\"he re\") needs the token \"re\""},
        BadSpec{"bos", [](TokenizerSpec& s) { s.bos = 9999; }, ErrorCode::corrupt_file, "bos token id"},
        BadSpec{"end", [](TokenizerSpec& s) { s.end_tokens = {-1}; }, ErrorCode::corrupt_file,
                "end token id"},
        BadSpec{"duplicate", [](TokenizerSpec& s) { s.tokens[4] = "A"; }, ErrorCode::corrupt_file,
                "tokens 4 and 69 are both \"A\""},
        BadSpec{"types", [](TokenizerSpec& s) { s.types.pop_back(); }, ErrorCode::corrupt_file,
                "expected a type for each of 263 tokens, found 262"},
        BadSpec{"no_bos", [](TokenizerSpec& s) { s.add_bos = true, s.bos.reset(); }, ErrorCode::corrupt_file,
                "bos"},
        BadSpec{"empty", [](TokenizerSpec& s) { s.tokens.clear(); }, ErrorCode::corrupt_file, "no tokens"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace isobatch::text
