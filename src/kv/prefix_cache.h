// Finds pages whose keys and values another request has already computed.
#pragma once

#include <cstdint>
#include <functional>
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

// Known pages form chains: each remembers the page it continues. A sequence holds all pages of its chain, so
// with the pool's order of release a page is evicted only after those that continue it.
class PrefixCache {
 public:
  struct Options {
    std::uint64_t salt = 0;
    PrefixHash hash = hash_page;
    bool confirm_hits = true;  // false only in test doubles: trust the hash alone
  };

  // Attaches to the pool, which must outlive it.
  PrefixCache(PagePool& pool, int page_size, Options options);

  // The pages that hold the beginning of `tokens`, whole pages only. They are not retained, and stay valid
  // until the pool's next allocate().
  std::vector<PageIndex> match(std::span<const TokenId> tokens) const;

  // Makes known the full page `page`, held by the caller, that continues `parent` (kNoPage for the first
  // one). Returns the page to use from now on: when an equal one was known already, the caller's holding
  // moves to it.
  PageIndex insert(PageIndex parent, std::span<const TokenId> tokens, PageIndex page);

  int size() const { return static_cast<int>(by_hash_.size()); }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    PageIndex parent = kNoPage;
    std::uint32_t parent_generation = 0;
    std::vector<TokenId> tokens;
  };
  // kNoPage when unknown. `hash` receives the key.
  PageIndex find(PageIndex parent, std::span<const TokenId> tokens, std::uint64_t* hash) const;
  void forget(PageIndex page);

  PagePool& pool_;
  int page_size_;
  Options options_;
  std::unordered_multimap<std::uint64_t, PageIndex> by_hash_;
  std::vector<Entry> entries_;  // [pages]
};

}  // namespace isobatch::kv
