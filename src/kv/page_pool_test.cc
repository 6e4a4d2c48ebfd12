#include "kv/page_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace isobatch::kv {
namespace {

constexpr std::size_t kBytes = 4096;

bool is_zero(const PagePool& pool, PageIndex page) {
  return std::all_of(pool.data(page), pool.data(page) + kBytes,
                     [](std::byte b) { return b == std::byte{0}; });
}

TEST(PagePool, HandsOutEachPageOnceAndThenNone) {
  PagePool pool(kBytes, 3);
  std::vector<PageIndex> pages;
  for (int i = 0; i < 3; ++i) pages.push_back(pool.allocate());
  EXPECT_EQ(pages, (std::vector<PageIndex>{0, 1, 2}));
  EXPECT_EQ(pool.available(), 0);
  EXPECT_EQ(pool.allocate(), kNoPage);
  pool.release(1);
  EXPECT_EQ(pool.available(), 1);
  EXPECT_EQ(pool.allocate(), 1);
}

TEST(PagePool, ClearsAPageBeforeItIsUsedAgain) {
  PagePool pool(kBytes, 1);
  const PageIndex page = pool.allocate();
  EXPECT_TRUE(is_zero(pool, page));
  std::memset(pool.data(page), 0xff, kBytes);
  pool.release(page);
  ASSERT_EQ(pool.allocate(), page);
  EXPECT_TRUE(is_zero(pool, page));
}

TEST(PagePool, PreparePageReplacesClearing) {
  PagePool pool(kBytes, 1, [](std::byte*, std::size_t) {});
  const PageIndex page = pool.allocate();
  std::memset(pool.data(page), 0xff, kBytes);
  pool.release(page);
  ASSERT_EQ(pool.allocate(), page);
  EXPECT_FALSE(is_zero(pool, page));
}

TEST(PagePool, CountsHolders) {
  PagePool pool(kBytes, 1);
  const PageIndex page = pool.allocate();
  pool.retain(page);
  pool.release(page);
  EXPECT_EQ(pool.available(), 0);
  pool.release(page);
  EXPECT_EQ(pool.available(), 1);
}

TEST(PagePool, EvictsIdlePagesLeastRecentlyUsedFirstAndFreePagesBeforeThem) {
  PagePool pool(kBytes, 4);
  std::vector<PageIndex> evicted;
  pool.on_evict([&](PageIndex page) { evicted.push_back(page); });
  for (int i = 0; i < 4; ++i) pool.allocate();
  for (PageIndex page : {0, 1, 2}) pool.set_cached(page);
  pool.release(2);
  pool.release(0);
  pool.release(1);
  pool.release(3);
  pool.retain(2);  // used again: now the newest
  pool.release(2);
  EXPECT_EQ(pool.available(), 4);
  EXPECT_EQ(pool.allocate(), 3);
  EXPECT_TRUE(evicted.empty());
  EXPECT_EQ(pool.allocate(), 0);
  EXPECT_EQ(pool.allocate(), 1);
  EXPECT_EQ(pool.allocate(), 2);
  EXPECT_EQ(evicted, (std::vector<PageIndex>{0, 1, 2}));
  EXPECT_EQ(pool.allocate(), kNoPage);
}

TEST(PagePool, AnIdlePageKeepsItsContentAndItsGenerationUntilItIsGivenOut) {
  PagePool pool(kBytes, 1);
  const PageIndex page = pool.allocate();
  const std::uint32_t generation = pool.generation(page);
  std::memset(pool.data(page), 0x5a, kBytes);
  pool.set_cached(page);
  pool.release(page);
  pool.retain(page);
  EXPECT_EQ(pool.data(page)[7], std::byte{0x5a});
  EXPECT_EQ(pool.generation(page), generation);
  pool.release(page);
  ASSERT_EQ(pool.allocate(), page);
  EXPECT_NE(pool.generation(page), generation);
}

}  // namespace
}  // namespace isobatch::kv
