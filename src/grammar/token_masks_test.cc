#include "grammar/token_masks.h"

#include <gmock/gmock.h>

#include <numeric>

#include "grammar/grammar_test_support.h"
#include "grammar/matcher.h"
#include "isobatch/error.h"

namespace isobatch::grammar {
namespace {

using test::Random;

// Every byte, and random words over a small alphabet, some of them twice.
struct Words {
  std::vector<std::string> texts;
  std::shared_ptr<const Vocabulary> vocabulary;

  explicit Words(std::string_view alphabet, int count = 600, std::size_t longest = 7) {
    Random random(3);
    texts.emplace_back();  // stands for no text
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    for (int i = 0; i < count; ++i) {
      std::string text;
      for (std::size_t n = 1 + random.below(longest); n > 0; --n)
        text += alphabet[random.below(alphabet.size())];
      texts.push_back(text);
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const std::vector<TokenId> ends = {0};
    vocabulary = std::make_shared<Vocabulary>(views, ends);
  }
};

Constraint regex(std::string text) { return {.regex = std::move(text)}; }

// At each place of random answers, the mask is what following each token alone gives.
void expect_masks_are_right(const Constraint& constraint, const Words& words) {
  Matcher matcher(constraint, words.vocabulary, false);
  Random random(5);
  for (int answer = 0; answer < 5; ++answer) {
    Matcher::State state = matcher.start();
    for (int step = 0; step < 12; ++step) {
      const auto mask = matcher.mask(state, true);
      std::vector<TokenId> allowed;
      for (TokenId token = 0; token < static_cast<TokenId>(words.texts.size()); ++token) {
        const bool expected =
            token == 0 ? matcher.accepts(state) : !matcher.dead(matcher.advance(state, token));
        ASSERT_EQ(mask->has(token), expected) << constraint.regex << " token '" << words.texts[token] << "'";
        if (expected) allowed.push_back(token);
      }
      ASSERT_EQ(mask->count, allowed.size());
      ASSERT_FALSE(allowed.empty());
      const TokenId token = allowed[random.below(allowed.size())];
      if (token == 0) break;
      state = matcher.advance(state, token);
      if (matcher.complete(state)) break;
    }
  }
}

TEST(TokenMasks, AreWhatEachTokenAloneGives) {
  const Words words("ab\"{}:, 1é");
  for (const char* text :
       {"[ab]*", "a{3,40}b", "(ab|b){20}", "(a|ab){2,30}", ".*é", "(a?b?){50}", "\"[^\"]{5,9}\"",
        "(\\{\"a\": \\d+\\}, ){1,3}", "(a{2,3}b){2,9}", "a{100}|b{7,}"}) {
    expect_masks_are_right(regex(text), words);
  }
}

TEST(TokenMasks, TextsOfOneLengthAndAnotherShareAMask) {
  const Words words("ab");
  Matcher matcher(regex("[ab]{1,500}"), words.vocabulary, false);
  const auto first = matcher.mask(matcher.start(), true);
  Matcher::State state = matcher.start();
  for (int i = 0; i < 400; ++i) state = matcher.advance(state, 1 + 'a');
  EXPECT_EQ(matcher.mask(state, false), matcher.mask(matcher.advance(state, 1 + 'b'), false));
  for (int i = 0; i < 98; ++i) state = matcher.advance(state, 1 + 'a');
  EXPECT_LT(matcher.mask(state, true)->count, first->count);
}

TEST(TokenMasks, ASpaceThatTheTextLosesDoesNotCount) {
  const Words words("ab ");
  Matcher matcher(regex("a"), words.vocabulary, true);
  const auto mask = matcher.mask(matcher.start(), true);
  EXPECT_TRUE(mask->has(1 + 'a'));
  EXPECT_TRUE(mask->has(1 + ' '));
  const Matcher::State state = matcher.advance(matcher.start(), 1 + ' ');
  EXPECT_FALSE(matcher.mask(state, true)->has(1 + ' '));
}

TEST(TokenMasks, TooManyWaysAreAnErrorThatDependsOnTheTextAlone) {
  const Words words("ab", 20000, 24);
  const std::string text = "(a|b)*a(a|b){0,20}(a{0,40}b{0,40}){0,40}(b{0,40}a{0,40}){40}(a|b){900}";
  const auto outcome = [&](Matcher& matcher, int steps) {
    std::string said;
    Matcher::State state = matcher.start();
    Random random(9);
    for (int i = 0; i < steps; ++i) {
      try {
        matcher.mask(state, true);
        said += '.';
      } catch (const Error&) {
        said += '!';
      }
      state = matcher.advance(state, 1 + (random.below(2) == 0 ? 'a' : 'b'));
    }
    return said;
  };
  Matcher fresh(regex(text), words.vocabulary, false), used(regex(text), words.vocabulary, false);
  outcome(used, 9);
  const std::string said = outcome(fresh, 9);
  EXPECT_EQ(outcome(used, 9), said);
  EXPECT_THAT(said, testing::HasSubstr("!"));
}

TEST(TokenMasks, TrimmingChangesNothing) {
  const Words words("ab");
  Matcher matcher(regex("(a|b)*a(a|b){7}"), words.vocabulary, false, 100);
  Matcher same(regex("(a|b)*a(a|b){7}"), words.vocabulary, false);
  Random random(2);
  std::vector<TokenId> tokens;
  Matcher::State state = matcher.start(), followed = same.start();
  bool trimmed = false;
  for (int i = 0; i < 150; ++i) {
    matcher.trim();
    if (matcher.outdated(state)) {
      trimmed = true;
      state = matcher.start();
      for (const TokenId token : tokens) state = matcher.advance(state, token);
    }
    ASSERT_EQ(matcher.mask(state, true)->bits, same.mask(followed, true)->bits);
    tokens.push_back(1 + (random.below(2) == 0 ? 'a' : 'b'));
    state = matcher.advance(state, tokens.back());
    followed = same.advance(followed, tokens.back());
  }
  EXPECT_TRUE(trimmed);
}

}  // namespace
}  // namespace isobatch::grammar
