// The language of a regular expression, beside what PCRE2 says of random texts.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "grammar/regex.h"

#include <gmock/gmock.h>
#include <pcre2.h>

#include <memory>

#include "grammar/grammar_test_support.h"
#include "isobatch/error.h"

namespace isobatch::grammar {
namespace {

using test::Random;
using ::testing::HasSubstr;

std::unique_ptr<Automaton> automaton_of(std::string_view regex, RegexMatch match = RegexMatch::whole,
                                        Encode encode = utf8_term) {
  auto automaton = std::make_unique<Automaton>();
  automaton->seal(regex_term(automaton->pool(), regex, match, encode, "regex"));
  return automaton;
}

bool matches(std::string_view regex, std::string_view text, RegexMatch match = RegexMatch::whole) {
  return accepts(*automaton_of(regex, match), text);
}

std::string refusal(std::string_view regex) {
  try {
    automaton_of(regex);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

struct Pcre2 {
  Pcre2(const std::string& regex, bool whole) : whole(whole) {
    int error = 0;
    std::size_t offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(), PCRE2_UTF, &error, &offset,
                         nullptr);
    data = pcre2_match_data_create(1, nullptr);
  }
  ~Pcre2() {
    pcre2_code_free(code);
    pcre2_match_data_free(data);
  }
  bool match(const std::string& text) const {
    const std::uint32_t options = whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, options, data,
                       nullptr) >= 0;
  }
  bool whole;
  pcre2_code* code = nullptr;
  pcre2_match_data* data = nullptr;
};

std::string pick(Random& random, std::initializer_list<const char*> choices) {
  return *(choices.begin() + random.below(choices.size()));
}

std::string random_regex(Random& random, int depth) {
  std::string regex;
  for (std::uint64_t parts = 1 + random.below(3); parts > 0; --parts) {
    if (depth > 0 && random.below(3) == 0) {
      regex += pick(random, {"(", "(?:"}) + random_regex(random, depth - 1) + ")";
    } else {
      regex += pick(random, {"a", "b", "é", "€", "[ab]", "[^a]", "[a-cé]", ".", "\\w", "\\d", "\\s", "\\W",
                             "[^\\d]", "\\x61", "\\u00e9", "1"});
    }
    regex += pick(random, {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "{1,2}?"});
    if (random.below(6) == 0) regex += "|";
  }
  return regex;
}

std::string random_string(Random& random) {
  std::string text;
  for (std::uint64_t n = random.below(7); n > 0; --n) {
    text += pick(random, {"a", "b", "c", "é", "€", "1", " ", "_", "\xf0\x9f\x98\x80"});
  }
  return text;
}

// PCRE2 writes \u00e9 as \x{e9}.
std::string for_pcre2(std::string regex) {
  for (std::size_t at; (at = regex.find("\\u00e9")) != std::string::npos;) regex.replace(at, 6, "\\x{e9}");
  return regex;
}

TEST(Regex, AgreesWithPcre2) {
  Random random(1);
  int matching = 0, all = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string regex = random_regex(random, 2);
    const RegexMatch mode = random.below(2) == 0 ? RegexMatch::whole : RegexMatch::search;
    if (mode == RegexMatch::search && regex.find('|') == std::string::npos) {
      if (random.below(3) == 0) regex = "^" + regex;
      if (random.below(3) == 0) regex += "$";
    }
    const Pcre2 pcre2(for_pcre2(regex), mode == RegexMatch::whole);
    ASSERT_NE(pcre2.code, nullptr) << regex;
    const auto automaton = automaton_of(regex, mode);
    for (int k = 0; k < 20; ++k) {
      const std::string text = random_string(random);
      const bool expected = pcre2.match(text);
      ASSERT_EQ(accepts(*automaton, text), expected) << regex << " on '" << text << "'";
      matching += expected;
      ++all;
    }
    bool stuck = false;
    const auto own = random_text(*automaton, random, 10, &stuck);
    ASSERT_FALSE(stuck) << regex;
    if (own && mode == RegexMatch::whole && own->find_first_of("\r\n") == std::string::npos) {
      // PCRE2's \s and \w know ASCII only, as \w does here; white space beyond it differs.
      if (regex.find("\\s") == std::string::npos && regex.find("\\W") == std::string::npos) {
        ASSERT_TRUE(pcre2.match(*own)) << regex << " on '" << *own << "'";
      }
    }
  }
  EXPECT_GT(matching, all / 20);
  EXPECT_LT(matching, all);
}

TEST(Regex, AnchorsAtTheEnds) {
  EXPECT_TRUE(matches("^a$", "a"));
  EXPECT_TRUE(matches("b", "abc", RegexMatch::search));
  EXPECT_FALSE(matches("^b", "abc", RegexMatch::search));
  EXPECT_TRUE(matches("^b|c$", "abc", RegexMatch::search));
  EXPECT_TRUE(matches("(^b)|(^a.*c$)", "abc", RegexMatch::search));
  EXPECT_FALSE(matches("^(?:a|b)$", "ab", RegexMatch::search));
}

TEST(Regex, CharactersInJsonAreEscaped) {
  const auto automaton = automaton_of("[\"\\\\\\n\\x01a]+", RegexMatch::whole, json_term);
  EXPECT_TRUE(accepts(*automaton, R"(\"\\\n\u0001a)"));
  EXPECT_FALSE(accepts(*automaton, "\""));
  EXPECT_FALSE(accepts(*automaton, "\\u0061"));
}

TEST(Regex, WhatIsNotSupportedIsNamed) {
  EXPECT_THAT(refusal("(a)\\1"), HasSubstr("regex: regular expression: not supported: \\1 before byte 5"));
  EXPECT_THAT(refusal("a(?=b)"), HasSubstr("look-around"));
  EXPECT_THAT(refusal("(?<!b)a"), HasSubstr("look-around"));
  EXPECT_THAT(refusal("\\bword\\b"), HasSubstr("\\b"));
  EXPECT_THAT(refusal("\\p{L}"), HasSubstr("\\p"));
  EXPECT_THAT(refusal("a^b"), HasSubstr("^ not at the beginning"));
  EXPECT_THAT(refusal("a$b"), HasSubstr("$ not at the end"));
  EXPECT_THAT(refusal("(a"), HasSubstr("expected ) at byte 2"));
  EXPECT_THAT(refusal("a)"), HasSubstr("expected an opening ( before byte 1"));
  EXPECT_THAT(refusal("*a"), HasSubstr("nothing to repeat at byte 0"));
  EXPECT_THAT(refusal("a**"), HasSubstr("nothing to repeat"));
  EXPECT_THAT(refusal("[b-a]"), HasSubstr("range out of order"));
  EXPECT_THAT(refusal("[a"), HasSubstr("expected ]"));
  EXPECT_THAT(refusal("a{3,2}"), HasSubstr("numbers out of order"));
  EXPECT_THAT(refusal("a{1,999999999}"), HasSubstr("at most 100000 repetitions"));
  EXPECT_THAT(refusal("\\ud800"), HasSubstr("surrogate"));
  EXPECT_THAT(refusal("\xff"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal(std::string(300, '(') + std::string(300, ')')), HasSubstr("100 groups"));
  EXPECT_THAT(refusal(std::string(70000, 'a')), HasSubstr("65536"));
}

TEST(Regex, BracesThatCountNothingAreCharacters) {
  EXPECT_TRUE(matches("{\"a\": \\d+}", "{\"a\": 12}"));
  EXPECT_TRUE(matches("a{,2}", "a{,2}"));
}

TEST(Regex, LargeCountsAreNotWrittenOut) {
  const auto automaton = automaton_of("([ab]{1000}){1000}c");
  EXPECT_LT(automaton->size(), 100u);
  EXPECT_FALSE(accepts(*automaton, "ac"));
}

}  // namespace
}  // namespace isobatch::grammar
