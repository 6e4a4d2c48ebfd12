// What SentencePiece's models add to tokenizers; equality with other programs is in tests/golden.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/sentencepiece_tokens.h"
#include "text/stream_decoder.h"
#include "text/tokenizer_test_support.h"

namespace isobatch::text {
namespace {

using ::testing::ElementsAre;

TEST(SentencePiece, TheBestScoreIsJoinedFirst) {
  const auto tokenizer = Tokenizer::create(small_sentencepiece_spec("llama", {"bc", "ab", "a", "b", "c"}));
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kSmallFirst + 2, kSmallFirst));  // a bc
  EXPECT_THAT(tokenizer->encode("aba", false, false), ElementsAre(kSmallFirst + 1, kSmallFirst + 2));
}

TEST(SentencePiece, UnigramTakesTheBestSum) {
  TokenizerSpec spec = small_sentencepiece_spec("t5", {"bc", "ab", "abc", "a", "b", "c"});
  for (std::size_t i = 0; i < 6; ++i)
    spec.scores[kSmallFirst + i] = std::array{-1.0, -2.0, -4.5, -3.0, -3.0, -2.0}[i];
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kSmallFirst + 3, kSmallFirst));  // a bc: -4
}

TEST(SentencePiece, CharactersWithoutATokenBecomeBytesOrUnknown) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"a", "▁"});
  auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("aé", false, false),
              ElementsAre(kSmallFirst, small_byte_id(0xC3), small_byte_id(0xA9)));
  spec.types[small_byte_id(0xA9)] = TokenType::unused;
  tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("ééaé", false, false), ElementsAre(0, kSmallFirst, 0));
  spec.fuse_unknown = false;
  EXPECT_THAT(Tokenizer::create(spec)->encode("ééaé", false, false), ElementsAre(0, 0, kSmallFirst, 0));
  spec.unknown.reset();
  EXPECT_THAT(Tokenizer::create(spec)->encode("ééaé", false, false), ElementsAre(kSmallFirst));
}

TEST(SentencePiece, UnusedTokensAreOnlyStepsToOthers) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"ab", "abc", "a", "b", "c"});
  spec.types[kSmallFirst] = TokenType::unused;
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kSmallFirst + 1));
  EXPECT_THAT(tokenizer->encode("ab", false, false), ElementsAre(kSmallFirst + 2, kSmallFirst + 3));
}

TEST(SentencePiece, UserDefinedTokensAreAlwaysFound) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"a", "▁", "\n\n", "  "});
  spec.types[kSmallFirst + 2] = spec.types[kSmallFirst + 3] = TokenType::user_defined;
  spec.escape_special = true;
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("a\n\n   a▁▁", false, false),
              ElementsAre(kSmallFirst, kSmallFirst + 2, kSmallFirst + 3, kSmallFirst + 1, kSmallFirst,
                          kSmallFirst + 3));
  EXPECT_EQ(tokenizer->bytes(kSmallFirst + 3), "  ");
}

TEST(SentencePiece, SpacePrefixes) {
  TokenizerSpec spec;
  const auto prepare = [&](SpacePrefix prefix, std::string_view text, bool first) {
    spec.space_prefix = prefix;
    return unescape_spaces(prepare_sentencepiece_text(text, spec, first));
  };
  EXPECT_EQ(prepare(SpacePrefix::never, " a", true), " a");
  EXPECT_EQ(prepare(SpacePrefix::every, " a", false), "  a");
  EXPECT_EQ(prepare(SpacePrefix::first, "a", true), " a");
  EXPECT_EQ(prepare(SpacePrefix::first, "a", false), "a");
  EXPECT_EQ(prepare(SpacePrefix::every_if_absent, " a", false), " a");
  EXPECT_EQ(prepare(SpacePrefix::every_if_absent, "a", false), " a");
  EXPECT_EQ(prepare(SpacePrefix::first_if_absent, "a", false), "a");
  EXPECT_EQ(prepare(SpacePrefix::every, "", true), "");
  spec.remove_extra_whitespaces = true;
  EXPECT_EQ(prepare(SpacePrefix::every, "  a   b ", true), " a b");
  EXPECT_EQ(prepare(SpacePrefix::every, "   ", true), "");
}

TEST(SentencePiece, DecodingTakesThePrefixOffAgain) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"▁a", "a", "▁"});
  spec.space_prefix = SpacePrefix::every;
  spec.strip_decoded_space = true;
  const auto tokenizer = Tokenizer::create(spec);
  for (const std::vector<TokenId>& ids : {std::vector<TokenId>{1, kSmallFirst, kSmallFirst},
                                          {kSmallFirst + 2, kSmallFirst},
                                          {small_byte_id(' '), small_byte_id(0xC3), small_byte_id(0xA9)},
                                          {small_byte_id(0xE2), kSmallFirst},
                                          {2, 0, kSmallFirst + 1},
                                          {}}) {
    StreamDecoder decoder(*tokenizer);
    std::string joined;
    for (const TokenId id : ids) joined += decoder.push(id);
    EXPECT_EQ(joined + decoder.finish(), tokenizer->decode(ids));
  }
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, kSmallFirst, kSmallFirst}), "a a");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{kSmallFirst + 2, kSmallFirst}), " a");
  EXPECT_EQ(
      tokenizer->decode(std::vector<TokenId>{small_byte_id(' '), small_byte_id(0xC3), small_byte_id(0xA9)}),
      "é");
}

TEST(SentencePiece, SpecialTokensTakeWhiteSpace) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"a", "▁"});
  spec.special_rules = {{.id = 1, .strip_right = true}, {.id = 2, .strip_left = true}};
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("a <s> \u00a0\n\u3000a \t</s> a", false, true),
              ElementsAre(kSmallFirst, kSmallFirst + 1, 1, kSmallFirst, 2, kSmallFirst + 1, kSmallFirst));
}

TEST(SentencePiece, ALongWordTakesNotQuadraticTime) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text(1 << 20, 'a');
  const auto bpe = Tokenizer::create(small_sentencepiece_spec("llama", {"aa", "aaaa", "aaaaaaaa", "a"}));
  EXPECT_EQ(bpe->encode(text, false, false), std::vector<TokenId>(1 << 17, kSmallFirst + 2));
  const auto unigram = Tokenizer::create(small_sentencepiece_spec("t5", {"aaaaaaaa", "aa", "aaaa", "a"}));
  EXPECT_EQ(unigram->encode(text, false, false), std::vector<TokenId>(1 << 17, kSmallFirst));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(SentencePiece, RefusesWhatMakesNoSense) {
  const auto refuses = [](auto spoil) {
    TokenizerSpec spec = small_sentencepiece_spec("llama", {"a"});
    spoil(spec);
    EXPECT_THROW(Tokenizer::create(spec), Error);
  };
  refuses([](TokenizerSpec& spec) { spec.scores.clear(); });
  refuses([](TokenizerSpec& spec) { spec.scores.pop_back(); });
  refuses([](TokenizerSpec& spec) { spec.scores[5] = std::numeric_limits<double>::quiet_NaN(); });
  refuses([](TokenizerSpec& spec) { spec.tokens[3] = "<0xZZ>"; });
  refuses([](TokenizerSpec& spec) { spec.special_rules = {{.id = 9999}}; });
}

TEST(Normalization, FormC) {
  EXPECT_EQ(to_nfc("e\u0301 a\u0323\u0302 \u212b \u1100\u1161"), "é ậ Å 가");
  EXPECT_EQ(to_nfc(std::string_view("a\0b", 3)), std::string_view("a\0b", 3));
  EXPECT_TRUE(is_surely_nfc("plain é"));
  EXPECT_FALSE(is_surely_nfc("e\u0301"));
}

}  // namespace
}  // namespace isobatch::text
