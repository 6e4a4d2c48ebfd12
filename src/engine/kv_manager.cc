#include "engine/kv_manager.h"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace isobatch::engine {

KvManager::KvManager(std::size_t page_bytes, int pages, int page_size,
                     std::optional<std::uint64_t> prefix_salt, const EngineHooks& hooks)
    : page_size_(page_size), pool_(page_bytes, pages, hooks.prepare_page) {
  if (prefix_salt) {
    cache_.emplace(pool_, page_size,
                   kv::PrefixCache::Options{*prefix_salt, hooks.prefix_hash, hooks.confirm_prefix_hits});
  }
}

int KvManager::usable(const Sequence& sequence) const {
  return std::min(sequence.scoring() ? sequence.scored : sequence.length() - 1, sequence.computable());
}

std::vector<kv::PageIndex> KvManager::match(const Sequence& sequence) const {
  if (!cache_) return {};
  return cache_->match(std::span(sequence.tokens).first(usable(sequence)));
}

bool KvManager::better_after(const Sequence& before, const Sequence& next, const Known& known) const {
  if (!cache_) return false;
  const int most = std::min(before.computable(), usable(next));
  const auto [end, ignored] =
      std::mismatch(next.tokens.begin(), next.tokens.begin() + most, before.tokens.begin());
  const int common = static_cast<int>(end - next.tokens.begin()) / page_size_ * page_size_;
  if (before.computed >= common) return false;  // what it has computed is known, if it ever will be
  const int cached = known.pages * page_size_;
  return 2 * (common - cached) >= next.computable() - cached;
}

KvManager::Known KvManager::peek(const Sequence& sequence) const {
  const std::vector<kv::PageIndex> pages = match(sequence);
  const auto idle = std::ranges::count_if(pages, [this](kv::PageIndex p) { return pool_.holders(p) == 0; });
  return {static_cast<int>(pages.size()), static_cast<int>(idle)};
}

int KvManager::reuse(Sequence& sequence) {
  sequence.pages = match(sequence);
  for (kv::PageIndex page : sequence.pages) pool_.retain(page);
  sequence.published = static_cast<int>(sequence.pages.size());
  sequence.computed = sequence.published * page_size_;
  return sequence.computed;
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
  for (int& i = sequence.published; (i + 1) * page_size_ <= sequence.computed; ++i) {
    const kv::PageIndex parent = i == 0 ? kv::kNoPage : sequence.pages[i - 1];
    sequence.pages[i] = cache_->insert(parent, tokens.subspan(i * page_size_, page_size_), sequence.pages[i]);
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
