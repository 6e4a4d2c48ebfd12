// A vector that starts at a cache line, so that full vectors do not straddle two and threads that write to
// different lines of it do not share one. A large one lies in huge pages where there are some.
#pragma once

#include <cstddef>
#include <vector>

namespace isobatch {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Throws std::bad_alloc. Both are given the same number of bytes.
void* allocate_aligned(std::size_t bytes);
void deallocate_aligned(void* p, std::size_t bytes);

template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>& /*other*/) {}

  T* allocate(std::size_t n) { return static_cast<T*>(allocate_aligned(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { deallocate_aligned(p, n * sizeof(T)); }
  friend bool operator==(CacheLineAllocator, CacheLineAllocator) { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

}  // namespace isobatch
