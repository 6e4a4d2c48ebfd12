#include "engine/draft.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace isobatch::engine {
namespace {

using Tokens = std::vector<TokenId>;

Tokens draft_of(const Tokens& tokens, int most) { return DraftIndex().draft(tokens, most); }

TEST(DraftIndex, ContinuesAsTheLastTokensWereContinuedBefore) {
  EXPECT_EQ(draft_of({1, 2, 3, 4, 5, 6, 1, 2, 3}, 2), (Tokens{4, 5}));
  EXPECT_EQ(draft_of({1, 2, 3, 4, 5, 6, 1, 2, 3}, 3), (Tokens{4, 5, 6}));
}

TEST(DraftIndex, TheLatestOccurrenceWins) {
  EXPECT_EQ(draft_of({1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3}, 1), (Tokens{8}));
}

TEST(DraftIndex, ALongerMatchWinsOverALaterOne) {
  EXPECT_EQ(draft_of({1, 2, 3, 7, 9, 2, 3, 8, 1, 2, 3}, 1), (Tokens{7}));
}

TEST(DraftIndex, NoneWithoutAnEarlierOccurrence) {
  EXPECT_TRUE(draft_of({}, 4).empty());
  EXPECT_TRUE(draft_of({1}, 4).empty());
  EXPECT_TRUE(draft_of({1, 2, 3}, 4).empty());
  EXPECT_TRUE(draft_of({1, 2, 9, 1}, 4).empty());  // one token is too little to go by
  EXPECT_TRUE(draft_of({1, 2, 3, 1, 2, 3}, 0).empty());
}

TEST(DraftIndex, ARepeatedPatternGoesOn) {
  EXPECT_EQ(draft_of({5, 5, 5}, 3), (Tokens{5, 5, 5}));
  EXPECT_EQ(draft_of({1, 2, 1, 2}, 5), (Tokens{1, 2, 1, 2, 1}));
}

// By a search of the whole text.
Tokens by_definition(const Tokens& tokens, int most) {
  const int length = static_cast<int>(tokens.size());
  for (int n = std::min(kMaxNgram, length); n >= kMinNgram; --n) {
    for (int end = length - 1; end >= n; --end) {
      if (!std::equal(tokens.end() - n, tokens.end(), tokens.begin() + end - n)) continue;
      Tokens all = tokens;
      for (int i = 0; i < most; ++i) all.push_back(Tokens(all)[end + i]);
      return {all.begin() + length, all.end()};
    }
  }
  return {};
}

RC_GTEST_PROP(DraftIndexProperty, GrowingTokenByTokenFindsWhatASearchFinds, ()) {
  const auto text = *rc::gen::container<Tokens>(rc::gen::inRange<TokenId>(0, 4));
  DraftIndex index;
  for (std::size_t length = 0; length <= text.size();) {
    const Tokens tokens(text.begin(), text.begin() + length);
    const int most = *rc::gen::inRange(0, 8);
    RC_ASSERT(index.draft(tokens, most) == by_definition(tokens, most));
    length += *rc::gen::inRange<std::size_t>(1, 4);
  }
}

}  // namespace
}  // namespace isobatch::engine
