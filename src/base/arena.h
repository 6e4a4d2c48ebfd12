// One block of zeroed memory, taken from the system when it is touched, in huge pages where there are some;
// or a mapped file, to be read only.
#pragma once

#include <cstddef>
#include <optional>

#include "base/mapped_file.h"

namespace isobatch {

class Arena {
 public:
  Arena() = default;
  // Throws Error(out_of_memory) when the address space cannot be had. Bytes cost memory once they are
  // written.
  explicit Arena(std::size_t bytes);
  // The bytes of a file from `begin` on, a multiple of 64.
  Arena(MappedFile file, std::size_t begin);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // The next `bytes` bytes, aligned to 64. The sum of all requests, each rounded up to 64, must fit.
  std::byte* take(std::size_t bytes);
  std::size_t size() const { return size_; }
  std::size_t used() const { return used_; }
  std::size_t left() const { return size_ - used_; }
  std::byte* data() { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  std::optional<MappedFile> file_;  // that data_ lies in
};

}  // namespace isobatch
