#include "kv/prefix_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

namespace isobatch::kv {
namespace {

constexpr int kPageSize = 2;
using Tokens = std::vector<TokenId>;

// Stores the whole pages of `tokens` as a sequence does, and returns its pages, still held.
std::vector<PageIndex> store(PagePool& pool, PrefixCache& cache, const Tokens& tokens) {
  std::vector<PageIndex> pages = cache.match(tokens);
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
  EXPECT_EQ(cache.match(Tokens{1, 2, 3, 4, 9, 9}), pages);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3, 4}), pages);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3}).size(), 1u);
  EXPECT_EQ(cache.match(Tokens{1, 2, 9, 4}).size(), 1u);
  EXPECT_TRUE(cache.match(Tokens{9, 2, 3, 4}).empty());
}

TEST(PrefixCache, EqualTokensAfterAnotherBeginningAreAnotherPage) {
  PagePool pool(64, 8);
  PrefixCache cache(pool, kPageSize, {});
  store(pool, cache, {1, 2, 7, 7});
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}).size(), 0u);
  const auto other = store(pool, cache, {3, 4, 7, 7});
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}), other);
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
  EXPECT_EQ(cache.match(Tokens{1, 2, 7, 7}), a);
  EXPECT_EQ(cache.match(Tokens{3, 4, 7, 7}), b);
  EXPECT_TRUE(cache.match(Tokens{7, 7, 1, 2}).empty());
}

TEST(PrefixCache, WithoutConfirmationACollisionIsTaken) {
  PagePool pool(64, 8);
  PrefixCache::Options options;
  options.hash = [](std::uint64_t, std::span<const TokenId>, std::uint64_t) { return 42u; };
  options.confirm_hits = false;
  PrefixCache cache(pool, kPageSize, options);
  store(pool, cache, {1, 2});
  EXPECT_FALSE(cache.match(Tokens{3, 4}).empty());
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
  EXPECT_EQ(cache.match(Tokens{1, 2, 7, 7}), std::vector<PageIndex>{parent});
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
    std::vector<PageIndex> chain = cache.match(tokens);
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
