#include "engine/kv_manager.h"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace isobatch::engine {

KvManager::KvManager(const kernels::KvLayout& layout, int pages, std::optional<std::uint64_t> prefix_salt,
                     const EngineHooks& hooks)
    : layout_(layout),
      pool_(layout.page_bytes(), pages, hooks.prepare_page),
      tokens_not_copied_(hooks.tokens_not_copied) {
  if (prefix_salt) {
    cache_.emplace(pool_, page_size(),
                   kv::PrefixCache::Options{*prefix_salt, hooks.prefix_hash, hooks.confirm_prefix_hits});
  }
}

int KvManager::usable(const Sequence& sequence) const {
  return std::min(sequence.scoring() ? sequence.scored : sequence.length() - 1, sequence.computable());
}

kv::PrefixCache::Match KvManager::match(const Sequence& sequence) const {
  if (!cache_) return {};
  return cache_->match(std::span(sequence.tokens).first(usable(sequence)));
}

bool KvManager::better_after(const Sequence& before, const Sequence& next, const Known& known) const {
  if (!cache_) return false;
  const int most = std::min(before.computable(), usable(next));
  const auto [end, ignored] =
      std::mismatch(next.tokens.begin(), next.tokens.begin() + most, before.tokens.begin());
  int common = static_cast<int>(end - next.tokens.begin());
  int known_at = common / page_size() * page_size();
  if (known_at + page_size() <= before.computable()) {
    known_at += page_size();  // a page is known when it is full
  } else {
    common = known_at;
  }
  if (before.computed >= known_at) return false;  // what it has computed is known, if it ever will be
  return 2 * (common - known.tokens) >= next.computable() - known.tokens;
}

KvManager::Known KvManager::peek(const Sequence& sequence) const {
  const kv::PrefixCache::Match known = match(sequence);
  const auto idle =
      std::ranges::count_if(known.pages, [this](auto page) { return pool_.holders(page) == 0; });
  const int pages = static_cast<int>(known.pages.size());
  return {pages, static_cast<int>(idle), pages * page_size() + known.partial_tokens};
}

int KvManager::admit(std::span<const std::unique_ptr<Sequence>> sequences) {
  // All that is known is held before a page is given out, so that it will not be one of them.
  std::vector<kv::PrefixCache::Match> known;
  known.reserve(sequences.size());
  int needed = 0;
  for (const auto& s : sequences) {
    known.push_back(match(*s));
    for (kv::PageIndex page : known.back().pages) pool_.retain(page);
    if (known.back().partial != kv::kNoPage) pool_.retain(known.back().partial);
    s->pages = known.back().pages;
    s->published = static_cast<int>(s->pages.size());
    s->computed = s->published * page_size();
    needed += pages_for(s->admission_positions()) - s->published;
  }
  for (std::size_t i = known.size(); i-- > 0 && pool_.available() < needed;) {
    if (known[i].partial != kv::kNoPage) pool_.release(std::exchange(known[i].partial, kv::kNoPage));
  }
  int tokens = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    Sequence& s = *sequences[i];
    grow(s, s.admission_positions());
    if (const kv::PageIndex from = known[i].partial; from != kv::kNoPage) {
      kernels::copy_positions(layout_, pool_.data(from), pool_.data(s.pages[s.published]),
                              known[i].partial_tokens - tokens_not_copied_);
      s.computed += known[i].partial_tokens;
      pool_.release(from);
    }
    tokens += s.computed;
  }
  return tokens;
}

void KvManager::grow(Sequence& sequence, int positions) {
  const std::size_t pages = pages_for(positions);
  if (pages > sequence.pages.size()) sequence.pages.reserve(pages);
  while (sequence.pages.size() < pages) {
    const kv::PageIndex page = pool_.allocate();
    if (page == kv::kNoPage) throw std::logic_error("scheduler: the plan needs more pages than the pool has");
    sequence.pages.push_back(page);
  }
}

void KvManager::publish(Sequence& sequence) {
  if (!cache_) return;
  const std::span<const TokenId> tokens(sequence.tokens);
  for (int& i = sequence.published; (i + 1) * page_size() <= sequence.computed; ++i) {
    const kv::PageIndex parent = i == 0 ? kv::kNoPage : sequence.pages[i - 1];
    sequence.pages[i] =
        cache_->insert(parent, tokens.subspan(i * page_size(), page_size()), sequence.pages[i]);
  }
}

void KvManager::drop(Sequence& sequence) {
  // From the last to the first, as PagePool::release asks.
  for (std::size_t i = sequence.pages.size(); i-- > 0;) pool_.release(sequence.pages[i]);
  sequence.pages.clear();
  sequence.published = 0;
  sequence.computed = 0;
}

int KvManager::releasable(const Sequence& sequence) const {
  return static_cast<int>(
      std::ranges::count_if(sequence.pages, [this](kv::PageIndex p) { return pool_.holders(p) == 1; }));
}

}  // namespace isobatch::engine
