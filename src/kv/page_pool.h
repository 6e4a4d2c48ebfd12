// The memory of the KV cache: a fixed number of pages in one mapping, handed out and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace isobatch::kv {

using PageIndex = std::int32_t;
inline constexpr PageIndex kNoPage = -1;

// A page is free, held (by at least one sequence) or idle: held by nobody, but known to the prefix cache.
// Idle pages are given out again, least recently used first, when no free page is left.
class PagePool {
 public:
  // Called instead of zeroing each page that is handed out. Only test doubles set it.
  using PreparePage = std::function<void(std::byte* page, std::size_t bytes)>;

  // Throws Error(out_of_memory) when the address space cannot be mapped. Memory is taken as pages are
  // written.
  PagePool(std::size_t page_bytes, int pages, PreparePage prepare_page = {});
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  std::byte* base() const { return base_; }
  std::byte* data(PageIndex page) const { return base_ + page_bytes_ * static_cast<std::size_t>(page); }
  std::size_t page_bytes() const { return page_bytes_; }
  int pages() const { return static_cast<int>(slots_.size()); }
  int available() const { return static_cast<int>(free_.size()) + idle_count_; }

  // A zeroed page with one holder; kNoPage when none is available.
  PageIndex allocate();
  void retain(PageIndex page);  // one more holder of a held or idle page
  // One holder less. Without any, a cached page becomes idle, another one free. A sequence releases its pages
  // from the last to the first: then a page is never given out before those that continue it.
  void release(PageIndex page);

  int holders(PageIndex page) const { return slots_[page].holders; }
  // Changes whenever the page is handed out anew: (page, generation) names one content.
  std::uint32_t generation(PageIndex page) const { return slots_[page].generation; }

  // Marks a held page as known to the prefix cache, until it is given out again.
  void set_cached(PageIndex page) { slots_[page].cached = true; }
  void on_evict(std::function<void(PageIndex)> callback) { on_evict_ = std::move(callback); }

 private:
  struct Slot {
    int holders = 0;
    std::uint32_t generation = 0;
    bool cached = false;
    bool written = false;  // has been handed out: a fresh mapping is zero already
    PageIndex older = kNoPage;
    PageIndex newer = kNoPage;
  };
  void link_newest(PageIndex page);
  void unlink(PageIndex page);

  std::size_t page_bytes_;
  std::size_t mapped_bytes_ = 0;
  std::byte* base_ = nullptr;
  PreparePage prepare_page_;
  std::function<void(PageIndex)> on_evict_;
  std::vector<Slot> slots_;
  std::vector<PageIndex> free_;  // lowest index last
  PageIndex oldest_idle_ = kNoPage;
  PageIndex newest_idle_ = kNoPage;
  int idle_count_ = 0;
};

}  // namespace isobatch::kv
