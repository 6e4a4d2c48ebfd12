#include "kv/prefix_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace isobatch::kv {
namespace {

constexpr int kPageSize = 2;
using Tokens = std::vector<TokenId>;

// Stores the whole pages of `tokens` as a sequence does, and returns its pages, still held.
std::vector<PageIndex> store(PagePool& pool, PrefixCache& cache, const Tokens& tokens) {
  std::vector<PageIndex> pages = cache.match(tokens).pages;
  for (PageIndex page : pages) pool.retain(page);
  for (std::size_t i = pages.size(); (i + 1) * kPageSize <= tokens.size(); ++i) {
    const PageIndex page = pool.allocate();
    if (page == kNoPage) break;
    pages.push_back(cache.insert(i == 0 ? kNoPage : pages[i - 1],
                                 std::span(tokens).subspan(i * kPageSize, kPageSize), page));
  }
  return pages;
}

void release(PagePool& pool, const std::vector<PageIndex>& pages) {
  for (std::size_t i = pages.size(); i-- > 0;) pool.release(pages[i]);
}

TEST(PrefixCache, MatchesTheLongestKnownPrefixInWholePages) {
  PagePool pool(64, 8);
  PrefixCache cache(pool, kPageSize, {});
  const auto pages = store(pool, cache, {1, 2, 3, 4, 5});
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3, 4, 9, 9}).pages, pages);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3, 4}).pages, pages);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3}).pages.size(), 1u);
  EXPECT_EQ(cache.match(Tokens{1, 2, 9, 4}).pages.size(), 1u);
  EXPECT_TRUE(cache.match(Tokens{9, 2, 3, 4}).pages.empty());
}

TEST(PrefixCache, FindsThePageThatGoesOnAlikeTheLongest) {
  PagePool pool(64, 16);
  PrefixCache cache(pool, 4, {});
  const auto insert = [&](PageIndex parent, const Tokens& tokens) {
    return cache.insert(parent, tokens, pool.allocate());
  };
  const PageIndex first = insert(kNoPage, {5, 6, 7, 8});
  const PageIndex a = insert(first, {1, 2, 3, 4}), b = insert(first, {1, 2, 5, 4}),
                  c = insert(first, {1, 9, 9, 9});
  insert(a, {1, 2, 5, 5});  // continues another page
  const auto expect = [&](const Tokens& rest, PageIndex page, int tokens) {
    Tokens all = {5, 6, 7, 8};
    all.insert(all.end(), rest.begin(), rest.end());
    const PrefixCache::Match match = cache.match(all);
    EXPECT_EQ(match.pages, std::vector<PageIndex>{first});
    EXPECT_EQ(match.partial, page);
    EXPECT_EQ(match.partial_tokens, tokens);
  };
  expect({1, 2, 5, 0}, b, 3);
  expect({1, 2, 5, 9, 9, 9}, b, 3);
  expect({1, 2, 3}, a, 3);
  expect({1, 9, 0, 0}, c, 2);
  expect({0, 1, 2, 3}, kNoPage, 0);
  expect({2}, kNoPage, 0);
  expect({}, kNoPage, 0);
  EXPECT_EQ(cache.match(Tokens{5, 6, 0, 0}).partial, first);
  EXPECT_EQ(cache.match(Tokens{5, 6, 0, 0}).partial_tokens, 2);
  EXPECT_EQ(cache.match(Tokens{5, 6, 7, 8, 1, 2, 3, 4}).partial, kNoPage);
}

TEST(PrefixCache, EqualTokensAfterAnotherBeginningAreAnotherPage) {
  PagePool pool(64, 8);
  PrefixCache cache(pool, kPageSize, {});
  store(pool, cache, {1, 2, 7, 7});
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}).pages.size(), 0u);
  const auto other = store(pool, cache, {3, 4, 7, 7});
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}).pages, other);
  EXPECT_EQ(cache.size(), 4);
}

TEST(PrefixCache, SurvivesCollisions) {
  PagePool pool(64, 8);
  PrefixCache::Options options;
  options.hash = [](std::uint64_t, std::span<const TokenId>, std::uint64_t) { return 42u; };
  PrefixCache cache(pool, kPageSize, options);
  const auto a = store(pool, cache, {1, 2, 7, 7});
  const auto b = store(pool, cache, {3, 4, 7, 7});
  EXPECT_EQ(cache.size(), 4);
  EXPECT_EQ(cache.match(Tokens{1, 2, 7, 7}).pages, a);
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}).pages, b);
  EXPECT_TRUE(cache.match(Tokens{7, 7, 1, 2}).pages.empty());
}

TEST(PrefixCache, WithoutConfirmationACollisionIsTaken) {
  PagePool pool(64, 8);
  PrefixCache::Options options;
  options.hash = [](std::uint64_t, std::span<const TokenId>, std::uint64_t) { return 42u; };
  options.confirm_hits = false;
  PrefixCache cache(pool, kPageSize, options);
  store(pool, cache, {1, 2});
  EXPECT_FALSE(cache.match(Tokens{3, 4}).pages.empty());
}

TEST(PrefixCache, ASecondEqualPageGivesWayToTheFirst) {
  PagePool pool(64, 4);
  PrefixCache cache(pool, kPageSize, {});
  const PageIndex first = cache.insert(kNoPage, Tokens{1, 2}, pool.allocate());
  const PageIndex twin = pool.allocate();
  EXPECT_EQ(cache.insert(kNoPage, Tokens{1, 2}, twin), first);
  EXPECT_EQ(pool.holders(first), 2);
  EXPECT_EQ(pool.holders(twin), 0);
}

TEST(PrefixCache, AnEvictedParentDoesNotVouchForItsSuccessor) {
  PagePool pool(64, 2);
  PrefixCache cache(pool, kPageSize, {});
  const PageIndex parent = cache.insert(kNoPage, Tokens{1, 2}, pool.allocate());
  const PageIndex child = cache.insert(parent, Tokens{7, 7}, pool.allocate());
  pool.release(parent);  // wrong order on purpose: the parent is evicted first, its child stays
  ASSERT_EQ(pool.allocate(), parent);
  cache.insert(kNoPage, Tokens{1, 2}, parent);
  EXPECT_EQ(cache.match(Tokens{1, 2, 7, 7}).pages, std::vector<PageIndex>{parent});
  EXPECT_EQ(pool.holders(child), 1);
}

TEST(PrefixCache, TheSaltSeparates) {
  EXPECT_NE(hash_page(0, Tokens{1, 2}, 1), hash_page(0, Tokens{1, 2}, 2));
  EXPECT_NE(hash_page(5, Tokens{1, 2}, 1), hash_page(6, Tokens{1, 2}, 1));
}

// A page's content is modelled by all tokens up to its end; a match must give back just these.
RC_GTEST_PROP(PrefixCacheProperty, AMatchHoldsTheTokensAskedFor, ()) {
  const int pages = *rc::gen::inRange(2, 12);
  const std::uint64_t hashes = *rc::gen::element<std::uint64_t>(1, 2, 1u << 30);
  PagePool pool(64, pages);
  PrefixCache::Options options;
  options.hash = [hashes](std::uint64_t parent, std::span<const TokenId> tokens, std::uint64_t salt) {
    return hash_page(parent, tokens, salt) % hashes;
  };
  PrefixCache cache(pool, kPageSize, options);
  std::map<PageIndex, Tokens> content;
  std::vector<std::vector<PageIndex>> held;
  const auto steps =
      *rc::gen::container<std::vector<Tokens>>(rc::gen::container<Tokens>(rc::gen::inRange<TokenId>(0, 2)));
  for (const Tokens& tokens : steps) {
    const PrefixCache::Match match = cache.match(tokens);
    std::vector<PageIndex> chain = match.pages;
    // Of the known pages that continue the chain none has more in common.
    int most = 0;
    const std::size_t whole = chain.size() * kPageSize;
    for (const auto& [page, all] : content) {
      const auto common = std::ranges::mismatch(all, tokens).in1 - all.begin();
      const bool goes_on = all.size() == whole + kPageSize && cache.knows(page);
      if (goes_on) most = std::max(most, static_cast<int>(common) - static_cast<int>(whole));
      if (page == match.partial) {
        RC_ASSERT(goes_on);
        RC_ASSERT(common >= static_cast<std::ptrdiff_t>(whole) + match.partial_tokens);
      }
    }
    RC_ASSERT(match.partial_tokens == std::min(most, kPageSize - 1));
    RC_ASSERT((match.partial == kNoPage) == (match.partial_tokens == 0));
    for (std::size_t i = 0; i < chain.size(); ++i) {
      RC_ASSERT(content[chain[i]] == Tokens(tokens.begin(), tokens.begin() + (i + 1) * kPageSize));
      pool.retain(chain[i]);
    }
    for (std::size_t i = chain.size(); (i + 1) * kPageSize <= tokens.size(); ++i) {
      const PageIndex page = pool.allocate();
      if (page == kNoPage) break;
      content[page] = Tokens(tokens.begin(), tokens.begin() + (i + 1) * kPageSize);
      chain.push_back(cache.insert(i == 0 ? kNoPage : chain[i - 1],
                                   std::span(tokens).subspan(i * kPageSize, kPageSize), page));
    }
    held.push_back(chain);
    if (*rc::gen::arbitrary<bool>()) {
      release(pool, held.front());
      held.erase(held.begin());
    }
  }
  for (const auto& chain : held) release(pool, chain);
  RC_ASSERT(pool.available() == pages);
}

}  // namespace
}  // namespace isobatch::kv
