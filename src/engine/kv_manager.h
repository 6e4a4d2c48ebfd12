// Gives sequences their pages and takes them back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/hooks.h"
#include "engine/sequence.h"
#include "kernels/kv_layout.h"
#include "kv/page_pool.h"
#include "kv/prefix_cache.h"

namespace isobatch::engine {

class KvManager {
 public:
  // `prefix_salt` stands for the semantics that touch K and V; without it there is no prefix cache.
  KvManager(const kernels::KvLayout& layout, int pages, std::optional<std::uint64_t> prefix_salt,
            const EngineHooks& hooks);

  const kv::PagePool& pool() const { return pool_; }
  int page_size() const { return layout_.page_size; }
  int pages_for(int positions) const { return (positions + page_size() - 1) / page_size(); }

  // What is known of a sequence that holds no pages. It leaves at least the last token to compute, and all
  // rows whose logits are still wanted.
  struct Known {
    int pages = 0;   // that it will share
    int idle = 0;    // of these, held by nobody
    int tokens = 0;  // in these pages and at the beginning of one that will be copied
  };
  Known peek(const Sequence& sequence) const;
  // Whether `next`, which holds no pages and knows `known`, does better to wait until `before` has computed
  // the tokens that both begin with: they are the greater part of what `next` would compute.
  bool better_after(const Sequence& before, const Sequence& next, const Known& known) const;
  // Gives pages for their admission to sequences that hold none: those that are known, then others, of which
  // the first gets a copy of what is known of it. Returns how many tokens count as computed now. The pool
  // must have enough pages; a copy is left out where its source must be given out.
  int admit(std::span<const std::unique_ptr<Sequence>> sequences);
  // Adds pages until they hold so many positions. The pool must have enough.
  void grow(Sequence& sequence, int positions);
  // Lets the prefix cache know the pages that are full now.
  void publish(Sequence& sequence);
  void drop(Sequence& sequence);
  int releasable(const Sequence& sequence) const;  // pages held by nobody else

 private:
  int usable(const Sequence& sequence) const;  // tokens at its beginning whose pages may be shared
  kv::PrefixCache::Match match(const Sequence& sequence) const;

  kernels::KvLayout layout_;
  kv::PagePool pool_;
  int tokens_not_copied_;  // hooks
  std::optional<kv::PrefixCache> cache_;
};

}  // namespace isobatch::engine
