#include "kv/prefix_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace isobatch::kv {

std::uint64_t hash_page(std::uint64_t parent, std::span<const TokenId> tokens, std::uint64_t salt) {
  const std::uint64_t seed = XXH3_64bits_withSeed(&parent, sizeof parent, salt);
  return XXH3_64bits_withSeed(tokens.data(), tokens.size_bytes(), seed);
}

namespace {

int common_tokens(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<int>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

PrefixCache::PrefixCache(PagePool& pool, int page_size, Options options)
    : pool_(pool),
      page_size_(page_size),
      options_(std::move(options)),
      entries_(pool.pages()),
      in_order_(Order{this}) {
  pool_.on_evict([this](PageIndex page) { forget(page); });
}

PrefixCache::Place PrefixCache::place_of(PageIndex page) const {
  const Entry& entry = entries_[page];
  return {entry.parent, entry.parent_generation, entry.tokens};
}

PrefixCache::Place PrefixCache::place(PageIndex parent, std::span<const TokenId> tokens) const {
  return {parent, parent == kNoPage ? 0 : pool_.generation(parent), tokens};
}

bool PrefixCache::Order::operator()(PageIndex a, PageIndex b) const {
  if ((*this)(a, cache->place_of(b))) return true;
  return !(*this)(b, cache->place_of(a)) && a < b;
}
bool PrefixCache::Order::operator()(PageIndex a, const Place& b) const {
  return (*this)(cache->place_of(a), b);
}
bool PrefixCache::Order::operator()(const Place& a, PageIndex b) const {
  return (*this)(a, cache->place_of(b));
}
bool PrefixCache::Order::operator()(const Place& a, const Place& b) const {
  if (a.parent != b.parent) return a.parent < b.parent;
  if (a.parent_generation != b.parent_generation) return a.parent_generation < b.parent_generation;
  return std::ranges::lexicographical_compare(a.tokens, b.tokens);
}

PageIndex PrefixCache::find(const Place& place, std::uint64_t* hash) const {
  const std::uint64_t parent_hash = place.parent == kNoPage ? 0 : entries_[place.parent].hash;
  *hash = options_.hash(parent_hash, place.tokens, options_.salt);
  const auto [begin, end] = by_hash_.equal_range(*hash);
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    if (!options_.confirm_hits) return it->second;
    if (entry.parent == place.parent && entry.parent_generation == place.parent_generation &&
        std::ranges::equal(entry.tokens, place.tokens)) {
      return it->second;
    }
  }
  return kNoPage;
}

// The known page with the longest common beginning is a neighbour of where the tokens would stand.
void PrefixCache::find_partial(const Place& place, Match& match) const {
  const auto see = [&](PageIndex page) {
    const Place known = place_of(page);
    if (known.parent != place.parent || known.parent_generation != place.parent_generation) return;
    const int common = common_tokens(known.tokens, place.tokens);
    if (common > match.partial_tokens) match.partial = page, match.partial_tokens = common;
  };
  const auto next = in_order_.lower_bound(place);
  if (next != in_order_.end()) see(*next);
  if (next != in_order_.begin()) see(*std::prev(next));
}

PrefixCache::Match PrefixCache::match(std::span<const TokenId> tokens) const {
  Match match;
  PageIndex parent = kNoPage;
  std::size_t begin = 0;
  for (; begin + page_size_ <= tokens.size(); begin += page_size_) {
    std::uint64_t hash = 0;
    const PageIndex page = find(place(parent, tokens.subspan(begin, page_size_)), &hash);
    if (page == kNoPage) break;
    match.pages.push_back(page);
    parent = page;
  }
  const std::size_t rest = std::min<std::size_t>(page_size_ - 1, tokens.size() - begin);
  if (rest > 0) find_partial(place(parent, tokens.subspan(begin, rest)), match);
  return match;
}

PageIndex PrefixCache::insert(PageIndex parent, std::span<const TokenId> tokens, PageIndex page) {
  std::uint64_t hash = 0;
  const Place at = place(parent, tokens);
  const PageIndex known = find(at, &hash);
  if (known == page) return page;
  if (known != kNoPage) {
    pool_.retain(known);
    pool_.release(page);
    return known;
  }
  entries_[page] = {hash, parent, at.parent_generation, {tokens.begin(), tokens.end()}};
  by_hash_.emplace(hash, page);
  in_order_.insert(page);
  pool_.set_cached(page);
  return page;
}

void PrefixCache::forget(PageIndex page) {
  const auto [begin, end] = by_hash_.equal_range(entries_[page].hash);
  const auto it = std::find_if(begin, end, [page](const auto& item) { return item.second == page; });
  if (it != end) by_hash_.erase(it);
  in_order_.erase(page);
  entries_[page] = {};
}

}  // namespace isobatch::kv
