#include "kv/prefix_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace isobatch::kv {

std::uint64_t hash_page(std::uint64_t parent, std::span<const TokenId> tokens, std::uint64_t salt) {
  const std::uint64_t seed = XXH3_64bits_withSeed(&parent, sizeof parent, salt);
  return XXH3_64bits_withSeed(tokens.data(), tokens.size_bytes(), seed);
}

PrefixCache::PrefixCache(PagePool& pool, int page_size, Options options)
    : pool_(pool), page_size_(page_size), options_(std::move(options)), entries_(pool.pages()) {
  pool_.on_evict([this](PageIndex page) { forget(page); });
}

PageIndex PrefixCache::find(PageIndex parent, std::span<const TokenId> tokens, std::uint64_t* hash) const {
  const std::uint32_t generation = parent == kNoPage ? 0 : pool_.generation(parent);
  *hash = options_.hash(parent == kNoPage ? 0 : entries_[parent].hash, tokens, options_.salt);
  const auto [begin, end] = by_hash_.equal_range(*hash);
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    if (!options_.confirm_hits) return it->second;
    if (entry.parent == parent && entry.parent_generation == generation &&
        std::ranges::equal(entry.tokens, tokens)) {
      return it->second;
    }
  }
  return kNoPage;
}

std::vector<PageIndex> PrefixCache::match(std::span<const TokenId> tokens) const {
  std::vector<PageIndex> pages;
  PageIndex parent = kNoPage;
  for (std::size_t end = page_size_; end <= tokens.size(); end += page_size_) {
    std::uint64_t hash = 0;
    const PageIndex page = find(parent, tokens.subspan(end - page_size_, page_size_), &hash);
    if (page == kNoPage) break;
    pages.push_back(page);
    parent = page;
  }
  return pages;
}

PageIndex PrefixCache::insert(PageIndex parent, std::span<const TokenId> tokens, PageIndex page) {
  std::uint64_t hash = 0;
  const PageIndex known = find(parent, tokens, &hash);
  if (known == page) return page;
  if (known != kNoPage) {
    pool_.retain(known);
    pool_.release(page);
    return known;
  }
  Entry entry{hash, parent, parent == kNoPage ? 0 : pool_.generation(parent), {tokens.begin(), tokens.end()}};
  by_hash_.emplace(hash, page);
  entries_[page] = std::move(entry);
  pool_.set_cached(page);
  return page;
}

void PrefixCache::forget(PageIndex page) {
  const auto [begin, end] = by_hash_.equal_range(entries_[page].hash);
  const auto it = std::find_if(begin, end, [page](const auto& item) { return item.second == page; });
  if (it != end) by_hash_.erase(it);
  entries_[page] = {};
}

}  // namespace isobatch::kv
