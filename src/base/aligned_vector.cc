#include "base/aligned_vector.h"

#include <sys/mman.h>

#include <new>

namespace isobatch {
namespace {

std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes >= kHugePage ? kHugePage : kCacheLine};
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  const bool large = bytes >= kHugePage;
  const std::size_t whole = large ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes;
  void* p = ::operator new(whole, alignment(bytes));
  if (large) madvise(p, whole, MADV_HUGEPAGE);  // advice only
  return p;
}

void deallocate_aligned(void* p, std::size_t bytes) { ::operator delete(p, alignment(bytes)); }

}  // namespace isobatch
