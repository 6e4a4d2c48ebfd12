// What SentencePiece's models add to tokenizers; equality with other programs is in tests/golden.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/sentencepiece_tokens.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace isobatch::text {
namespace {

using ::testing::ElementsAre;

// Ids: 0 <unk>, 1 <s>, 2 </s>, 3 + byte, then the tokens given, the first with the highest score.
constexpr TokenId kFirst = 259;
TokenizerSpec make_spec(const std::string& model, const std::vector<std::string>& tokens) {
  TokenizerSpec spec;
  spec.model = model;
  spec.tokens = {"<unk>", "<s>", "</s>"};
  spec.types = {TokenType::unknown, TokenType::control, TokenType::control};
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    spec.types.push_back(TokenType::byte);
  }
  for (const std::string& token : tokens) spec.tokens.push_back(token);
  spec.types.resize(spec.tokens.size(), TokenType::normal);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) spec.scores.push_back(-static_cast<double>(id));
  spec.unknown = 0;
  spec.bos = 1;
  spec.eos = 2;
  return spec;
}

constexpr TokenId byte_id(unsigned char byte) { return 3 + byte; }

TEST(SentencePiece, TheBestScoreIsJoinedFirst) {
  const auto tokenizer = Tokenizer::create(make_spec("llama", {"bc", "ab", "a", "b", "c"}));
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kFirst + 2, kFirst));  // a bc
  EXPECT_THAT(tokenizer->encode("aba", false, false), ElementsAre(kFirst + 1, kFirst + 2));
}

TEST(SentencePiece, UnigramTakesTheBestSum) {
  TokenizerSpec spec = make_spec("t5", {"bc", "ab", "abc", "a", "b", "c"});
  for (std::size_t i = 0; i < 6; ++i)
    spec.scores[kFirst + i] = std::array{-1.0, -2.0, -4.5, -3.0, -3.0, -2.0}[i];
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kFirst + 3, kFirst));  // a bc: -4
}

TEST(SentencePiece, CharactersWithoutATokenBecomeBytesOrUnknown) {
  TokenizerSpec spec = make_spec("llama", {"a", "▁"});
  auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("aé", false, false), ElementsAre(kFirst, byte_id(0xC3), byte_id(0xA9)));
  spec.types[byte_id(0xA9)] = TokenType::unused;
  tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("ééaé", false, false), ElementsAre(0, kFirst, 0));
  spec.fuse_unknown = false;
  EXPECT_THAT(Tokenizer::create(spec)->encode("ééaé", false, false), ElementsAre(0, 0, kFirst, 0));
  spec.unknown.reset();
  EXPECT_THAT(Tokenizer::create(spec)->encode("ééaé", false, false), ElementsAre(kFirst));
}

TEST(SentencePiece, UnusedTokensAreOnlyStepsToOthers) {
  TokenizerSpec spec = make_spec("llama", {"ab", "abc", "a", "b", "c"});
  spec.types[kFirst] = TokenType::unused;
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kFirst + 1));
  EXPECT_THAT(tokenizer->encode("ab", false, false), ElementsAre(kFirst + 2, kFirst + 3));
}

TEST(SentencePiece, UserDefinedTokensAreAlwaysFound) {
  TokenizerSpec spec = make_spec("llama", {"a", "▁", "\n\n", "  "});
  spec.types[kFirst + 2] = spec.types[kFirst + 3] = TokenType::user_defined;
  spec.escape_special = true;
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("a\n\n   a▁▁", false, false),
              ElementsAre(kFirst, kFirst + 2, kFirst + 3, kFirst + 1, kFirst, kFirst + 3));
  EXPECT_EQ(tokenizer->bytes(kFirst + 3), "  ");
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
  TokenizerSpec spec = make_spec("llama", {"▁a", "a", "▁"});
  spec.space_prefix = SpacePrefix::every;
  spec.strip_decoded_space = true;
  const auto tokenizer = Tokenizer::create(spec);
  for (const std::vector<TokenId>& ids : {std::vector<TokenId>{1, kFirst, kFirst},
                                          {kFirst + 2, kFirst},
                                          {byte_id(' '), byte_id(0xC3), byte_id(0xA9)},
                                          {byte_id(0xE2), kFirst},
                                          {2, 0, kFirst + 1},
                                          {}}) {
    StreamDecoder decoder(*tokenizer);
    std::string joined;
    for (const TokenId id : ids) joined += decoder.push(id);
    EXPECT_EQ(joined + decoder.finish(), tokenizer->decode(ids));
  }
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, kFirst, kFirst}), "a a");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{kFirst + 2, kFirst}), " a");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{byte_id(' '), byte_id(0xC3), byte_id(0xA9)}), "é");
}

TEST(SentencePiece, SpecialTokensTakeWhiteSpace) {
  TokenizerSpec spec = make_spec("llama", {"a", "▁"});
  spec.special_rules = {{.id = 1, .strip_right = true}, {.id = 2, .strip_left = true}};
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("a <s> \u00a0\n\u3000a \t</s> a", false, true),
              ElementsAre(kFirst, kFirst + 1, 1, kFirst, 2, kFirst + 1, kFirst));
}

TEST(SentencePiece, ALongWordTakesNotQuadraticTime) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text(1 << 20, 'a');
  const auto bpe = Tokenizer::create(make_spec("llama", {"aa", "aaaa", "aaaaaaaa", "a"}));
  EXPECT_EQ(bpe->encode(text, false, false), std::vector<TokenId>(1 << 17, kFirst + 2));
  const auto unigram = Tokenizer::create(make_spec("t5", {"aaaaaaaa", "aa", "aaaa", "a"}));
  EXPECT_EQ(unigram->encode(text, false, false), std::vector<TokenId>(1 << 17, kFirst));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(SentencePiece, RefusesWhatMakesNoSense) {
  const auto refuses = [](auto spoil) {
    TokenizerSpec spec = make_spec("llama", {"a"});
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
