// One block of zeroed memory, taken from the system when it is touched, in huge pages where there are some.
#pragma once

#include <cstddef>

namespace isobatch {

class Arena {
 public:
  Arena() = default;
  // Throws Error(out_of_memory) when the address space cannot be had. Bytes cost memory once they are
  // written.
  explicit Arena(std::size_t bytes);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // The next `bytes` bytes, aligned to 64. The sum of all requests, each rounded up to 64, must fit.
  std::byte* take(std::size_t bytes);
  std::size_t size() const { return size_; }
  std::size_t used() const { return used_; }
  std::byte* data() { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace isobatch
