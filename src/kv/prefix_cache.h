// Finds pages whose keys and values another request has already computed.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "isobatch/request.h"
#include "kv/page_pool.h"

namespace isobatch::kv {

// Key of a full page from the key of the page before it (0 for the first), its token ids and the salt, which
// stands for all semantics that touch K and V.
using PrefixHash =
    std::function<std::uint64_t(std::uint64_t parent, std::span<const TokenId> tokens, std::uint64_t salt)>;
std::uint64_t hash_page(std::uint64_t parent, std::span<const TokenId> tokens, std::uint64_t salt);

// Known pages form chains: each remembers the page it continues. Not copied: its order refers to it. A
// sequence holds all pages of its chain, so with the pool's order of release a page is evicted only after
// those that continue it.
class PrefixCache {
 public:
  struct Options {
    std::uint64_t salt = 0;
    PrefixHash hash = hash_page;
    bool confirm_hits = true;  // false only in test doubles: trust the hash alone
  };

  // Attaches to the pool, which must outlive it.
  PrefixCache(PagePool& pool, int page_size, Options options);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // Where the beginning of `tokens` is known: whole pages, and of the page that continues them with the most
  // equal tokens, those. None of them is retained; they stay valid until the pool's next allocate().
  struct Match {
    std::vector<PageIndex> pages;
    PageIndex partial = kNoPage;
    int partial_tokens = 0;  // fewer than a page, 0 without a partial page
  };
  Match match(std::span<const TokenId> tokens) const;

  // Makes known the full page `page`, held by the caller, that continues `parent` (kNoPage for the first
  // one). Returns the page to use from now on: when an equal one was known already, the caller's holding
  // moves to it.
  PageIndex insert(PageIndex parent, std::span<const TokenId> tokens, PageIndex page);

  int size() const { return static_cast<int>(by_hash_.size()); }
  bool knows(PageIndex page) const { return !entries_[page].tokens.empty(); }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    PageIndex parent = kNoPage;
    std::uint32_t parent_generation = 0;
    std::vector<TokenId> tokens;
  };
  // Pages in the order of what they continue and then of their tokens: neighbours begin alike.
  struct Place {
    PageIndex parent;
    std::uint32_t parent_generation;
    std::span<const TokenId> tokens;
  };
  struct Order {
    using is_transparent = void;
    const PrefixCache* cache;
    bool operator()(PageIndex a, PageIndex b) const;
    bool operator()(PageIndex a, const Place& b) const;
    bool operator()(const Place& a, PageIndex b) const;
    bool operator()(const Place& a, const Place& b) const;
  };
  Place place_of(PageIndex page) const;
  Place place(PageIndex parent, std::span<const TokenId> tokens) const;
  // kNoPage when unknown. `hash` receives the key.
  PageIndex find(const Place& place, std::uint64_t* hash) const;
  void find_partial(const Place& place, Match& match) const;
  void forget(PageIndex page);

  PagePool& pool_;
  int page_size_;
  Options options_;
  std::unordered_multimap<std::uint64_t, PageIndex> by_hash_;
  std::vector<Entry> entries_;  // [pages]
  std::set<PageIndex, Order> in_order_;
};

}  // namespace isobatch::kv
