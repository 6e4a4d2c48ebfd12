#include "kv/page_pool.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "isobatch/error.h"

namespace isobatch::kv {

PagePool::PagePool(std::size_t page_bytes, int pages, PreparePage prepare_page)
    : page_bytes_(page_bytes),
      mapped_bytes_(page_bytes * static_cast<std::size_t>(pages)),
      prepare_page_(std::move(prepare_page)),
      slots_(pages) {
  free_.reserve(pages);
  for (int page = pages; page-- > 0;) free_.push_back(page);
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error(ErrorCode::out_of_memory, fmt::format("KV pool: cannot map {} pages of {} bytes: {}", pages,
                                                      page_bytes, std::strerror(errno)));
  }
  madvise(memory, mapped_bytes_, MADV_HUGEPAGE);  // a hint: failure changes nothing
  base_ = static_cast<std::byte*>(memory);
}

PagePool::~PagePool() { munmap(base_, mapped_bytes_); }

PageIndex PagePool::allocate() {
  PageIndex page = kNoPage;
  if (!free_.empty()) {
    page = free_.back();
    free_.pop_back();
  } else if (oldest_idle_ != kNoPage) {
    page = oldest_idle_;
    unlink(page);
    slots_[page].cached = false;
    if (on_evict_) on_evict_(page);
  } else {
    return kNoPage;
  }
  Slot& slot = slots_[page];
  slot.holders = 1;
  ++slot.generation;
  if (prepare_page_) {
    prepare_page_(data(page), page_bytes_);
  } else if (slot.written) {
    std::memset(data(page), 0, page_bytes_);
  }
  slot.written = true;
  return page;
}

void PagePool::retain(PageIndex page) {
  Slot& slot = slots_[page];
  if (slot.holders == 0) unlink(page);
  ++slot.holders;
}

void PagePool::release(PageIndex page) {
  Slot& slot = slots_[page];
  if (--slot.holders > 0) return;
  if (slot.cached) {
    link_newest(page);
  } else {
    free_.push_back(page);  // never allocates: reserved for all pages
  }
}

void PagePool::link_newest(PageIndex page) {
  Slot& slot = slots_[page];
  slot.older = newest_idle_;
  slot.newer = kNoPage;
  (newest_idle_ == kNoPage ? oldest_idle_ : slots_[newest_idle_].newer) = page;
  newest_idle_ = page;
  ++idle_count_;
}

void PagePool::unlink(PageIndex page) {
  Slot& slot = slots_[page];
  (slot.older == kNoPage ? oldest_idle_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == kNoPage ? newest_idle_ : slots_[slot.newer].older) = slot.older;
  --idle_count_;
}

}  // namespace isobatch::kv
