#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "isobatch/error.h"

namespace isobatch {

Arena::Arena(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    throw Error(ErrorCode::out_of_memory, fmt::format("cannot reserve {} bytes of memory", bytes));
  }
  madvise(p, bytes, MADV_HUGEPAGE);  // advice only
  data_ = static_cast<std::byte*>(p);
}

// take() gives out pointers to bytes that may be written; of a file they may not, and a write would be a
// segmentation fault.
Arena::Arena(MappedFile file, std::size_t begin)
    : data_(const_cast<std::byte*>(file.bytes().data()) + begin), size_(file.size() - begin) {
  file_ = std::move(file);
}

Arena::~Arena() {
  if (data_ && !file_) munmap(data_, size_);
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      used_(std::exchange(other.used_, 0)),
      file_(std::exchange(other.file_, std::nullopt)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  std::swap(file_, other.file_);
  return *this;
}

std::byte* Arena::take(std::size_t bytes) {
  const std::size_t rounded = (bytes + 63) / 64 * 64;
  if (rounded > size_ - used_) std::abort();  // a broken promise of the caller, not bad input
  std::byte* p = data_ + used_;
  used_ += rounded;
  return p;
}

}  // namespace isobatch
