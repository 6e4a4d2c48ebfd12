// Gives sequences their pages and takes them back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/hooks.h"
#include "engine/sequence.h"
#include "kv/page_pool.h"
#include "kv/prefix_cache.h"

namespace isobatch::engine {

class KvManager {
 public:
  // `prefix_salt` stands for the semantics that touch K and V; without it there is no prefix cache.
  KvManager(std::size_t page_bytes, int pages, int page_size, std::optional<std::uint64_t> prefix_salt,
            const EngineHooks& hooks);

  const kv::PagePool& pool() const { return pool_; }
  int page_size() const { return page_size_; }
  int pages_for(int positions) const { return (positions + page_size_ - 1) / page_size_; }

  // Known pages of a sequence that holds none. They leave at least the last token to compute, and all rows
  // whose logits are still wanted.
  struct Known {
    int pages = 0;
    int idle = 0;  // of these, held by nobody
  };
  Known peek(const Sequence& sequence) const;
  // Whether `next`, which holds no pages and knows `known`, does better to wait until `before` has computed
  // the pages that both will have: they are the greater part of what `next` would compute.
  bool better_after(const Sequence& before, const Sequence& next, const Known& known) const;
  // Takes them; their tokens count as computed. Returns how many tokens that are.
  int reuse(Sequence& sequence);
  // Adds pages until they hold so many positions. The pool must have enough.
  void grow(Sequence& sequence, int positions);
  // Lets the prefix cache know the pages that are full now.
  void publish(Sequence& sequence);
  void drop(Sequence& sequence);
  int releasable(const Sequence& sequence) const;  // pages held by nobody else

 private:
  int usable(const Sequence& sequence) const;  // tokens at its beginning whose pages may be shared
  std::vector<kv::PageIndex> match(const Sequence& sequence) const;

  int page_size_;
  kv::PagePool pool_;
  std::optional<kv::PrefixCache> cache_;
};

}  // namespace isobatch::engine
