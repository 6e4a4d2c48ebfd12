#include "text/charsmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "isobatch/error.h"
#include "text/apply_charsmap.h"
#include "text/normalization.h"
#include "text/tokenizer_test_support.h"

namespace isobatch::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const RuleList kRules = {
    {"a", "x"},     {"ab", "y"},     {"abcd", "z"}, {"e\u0301", "é"},       {"\t", "  "}, {"\u3000", " "},
    {"\u200b", ""}, {"q", " q  r "}, {"Ａ", "A"},   {"e\u0301\u0323", "E"}, {"\r", " "},  {"\r\n", "N"}};

std::vector<std::pair<std::size_t, std::string>> found(const Charsmap& rules, std::string_view text) {
  std::vector<std::pair<std::size_t, std::string>> result;
  rules.find(text, [&](std::size_t length, std::string_view replacement) {
    result.emplace_back(length, replacement);
  });
  return result;
}

TEST(Charsmap, FindsTheRulesThatATextBeginsWith) {
  const Charsmap rules(make_charsmap(kRules));
  EXPECT_THAT(found(rules, "abcde"), ElementsAre(Pair(1, "x"), Pair(2, "y"), Pair(4, "z")));
  EXPECT_THAT(found(rules, "abc"), ElementsAre(Pair(1, "x"), Pair(2, "y")));
  EXPECT_THAT(found(rules, "\u200bx"), ElementsAre(Pair(3, "")));
  EXPECT_THAT(found(rules, "b"), ElementsAre());
  EXPECT_THAT(found(rules, ""), ElementsAre());
  EXPECT_THAT(found(rules, std::string_view("a\0b", 3)), ElementsAre(Pair(1, "x")));
  EXPECT_THAT(found(rules, std::string_view("\0", 1)), ElementsAre());
}

// At every place of the blob: whatever is accepted must keep to itself, which the sanitizers watch.
TEST(Charsmap, DamagedBytesAreRefusedOrHarmless) {
  const std::string blob = make_charsmap({{"a", "x"}, {"ab", "é"}, {"e\u0301", ""}});
  const std::string text = "abcde e\u0301\u0323 q\t\u3000\u200bＡ" + std::string(300, 'a');
  int refused = 0;
  const auto use = [&](const std::string& damaged) {
    try {
      apply_to_graphemes(Charsmap(damaged), text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_file);
      EXPECT_THAT(error.what(), HasSubstr("precompiled_charsmap"));
      ++refused;
    }
  };
  for (std::size_t at = 0; at < blob.size(); ++at) {
    for (const unsigned flip : {0x01, 0x02, 0x80, 0xFF}) {
      std::string damaged = blob;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
      use(damaged);
    }
  }
  EXPECT_GT(refused, 100);
  refused = 0;
  for (std::size_t size = 0; size < 1100; ++size) use(blob.substr(0, size));
  EXPECT_GT(refused, 1020);
}

TEST(Charsmap, SaysWhatIsWrong) {
  const auto refuses = [](const std::string& blob, const char* message) {
    try {
      const Charsmap rules(blob);
      ADD_FAILURE() << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_file);
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  };
  const auto with_unit = [](std::string blob, std::size_t unit, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) blob[4 + 4 * unit + i] = static_cast<char>(value >> 8 * i);
    return blob;
  };
  const std::string one = make_charsmap({{"a", "x"}});  // its root's base is 256, that of "a" 512
  EXPECT_THAT(found(Charsmap(one), "a"), ElementsAre(Pair(1, "x")));
  const std::uint32_t node = 'a' | 1u << 8 | (512 ^ (256 + 'a')) << 10;
  EXPECT_THAT(found(Charsmap(with_unit(one, 256 + 'a', node)), "a"), ElementsAre(Pair(1, "x")));
  refuses("", "expected at least 4 bytes, found 0");
  refuses(one.substr(0, 100), "size of the trie: expected a multiple of 4 up to 96, found 3072");
  refuses(std::string(8, '\0'), "found 0");
  refuses(one.substr(0, one.size() - 1), "expected a zero byte at the end, found 120");
  refuses(one + '\xff' + '\0', "expected UTF-8, found another byte at 2");
  refuses(with_unit(one, 0, 1000000u << 10),
          "unit 0 of the trie: expected units below 768 at its base, found up to 1000191");
  refuses(std::string(one).replace(0, 2, "\xfc\x0b"),
          "expected units below 767 at its base, found up to 767");
  refuses(with_unit(one, 512, 0), "unit 512 of the trie: expected a value, found a node");
  refuses(with_unit(one, 512, 1u << 31 | 7), "expected a place in 2 bytes of replacements, found 7");
  refuses(with_unit(make_charsmap({{"a", "é"}}), 512, 1u << 31 | 1), "expected the beginning of a character");
  // "aaa…": the base of "a" is where "a" is found again.
  refuses(with_unit(one, 256 + 'a', 'a' | (256u ^ (256 + 'a')) << 10), "found a circle");
}

TEST(Normalization, SentencePieceTakesTheLongestRule) {
  const Charsmap rules(make_charsmap(kRules));
  TokenizerSpec spec;
  SpecialTokens kept;
  kept.add("bc", 1);
  kept.add("ＡＡ", 2);
  kept.prepare();
  const auto normalize = [&](std::string_view text) {
    return unescape_spaces(normalize_sentencepiece_text(text, rules, kept, spec, true));
  };
  EXPECT_EQ(normalize("abcd abc a\u0301"), "z yc x\u0301");
  EXPECT_EQ(normalize("xbca"), "xbcx");
  EXPECT_EQ(normalize("ＡＡＡ"), "ＡＡA");
  EXPECT_EQ(normalize("e\u0301\u0323 e\u0323\u0301\r\n"), "E e\u0323\u0301N");
  EXPECT_EQ(normalize("\t\u3000q"), "    q  r ");
  EXPECT_EQ(normalize("\u200b"), "");
  spec.space_prefix = SpacePrefix::every;
  EXPECT_EQ(normalize(""), "");
  EXPECT_EQ(normalize("\u200b"), " ");  // the text was not empty
  spec.remove_extra_whitespaces = true;
  EXPECT_EQ(normalize("\u200b"), "");
  EXPECT_EQ(normalize("\t \u200b \u3000b\u200b \u3000"), " b");
  EXPECT_EQ(normalize("b qq b"), " b q  r q  r b");  // spaces inside a replacement stay
  EXPECT_EQ(normalize("b\u2581 \u2581"), " b");      // at the end, U+2581 is a space
}

TEST(Normalization, HuggingFaceGoesByGraphemes) {
  const Charsmap rules(make_charsmap(kRules));
  EXPECT_EQ(apply_to_graphemes(rules, ""), "");
  EXPECT_EQ(apply_to_graphemes(rules, "abcd"), "xbcd");
  EXPECT_EQ(apply_to_graphemes(rules, "a\u0301"), "x");  // the rest of a small grapheme goes
  EXPECT_EQ(apply_to_graphemes(rules, "a\u0301\u0302\u0303"), "x\u0301\u0302\u0303");
  EXPECT_EQ(apply_to_graphemes(rules, "e\u0301\u0323"), "é");
  EXPECT_EQ(apply_to_graphemes(rules, "\r\n\r"), "  ");
  EXPECT_EQ(apply_to_graphemes(rules, "\u200b\u3000Ａ"), " A");
}

TEST(Normalization, SpacesOfHuggingFacesConverters) {
  EXPECT_EQ(without_end_space(" a b \u3000\n\u0085"), " a b");
  EXPECT_EQ(without_end_space(" \u200b"), " \u200b");
  EXPECT_EQ(without_end_space("\u2003 "), "");
  EXPECT_EQ(join_spaces("  a b   c ", "_"), "_a b_c ");
  EXPECT_EQ(join_spaces("", "_"), "");
}

// Of a model of SentencePiece's: rules can make user-defined tokens, and do not touch those of the text.
TEST(Charsmap, UserDefinedTokens) {
  TokenizerSpec spec = small_sentencepiece_spec("llama", {"b", "c", "x", "A", "▁", "bc", "  ", "<s", "ＡＡ"});
  for (const int i : {5, 6, 8}) spec.types[kSmallFirst + i] = TokenType::user_defined;
  spec.charsmap = make_charsmap({{"a", "x"}, {"ab", "b"}, {"\t", "  "}, {"Ａ", "A"}, {"<", "c"}});
  const auto tokenizer = Tokenizer::create(spec);
  EXPECT_THAT(tokenizer->encode("abc", false, false), ElementsAre(kSmallFirst + 5));
  EXPECT_THAT(tokenizer->encode("\t ＡＡＡ", false, false),
              ElementsAre(kSmallFirst + 6, kSmallFirst + 4, kSmallFirst + 8, kSmallFirst + 3));
  EXPECT_THAT(tokenizer->encode("a<s>a", false, true), ElementsAre(kSmallFirst + 2, 1, kSmallFirst + 2));
}

}  // namespace
}  // namespace isobatch::text
