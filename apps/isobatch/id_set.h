#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace isobatch::cli {

// Which ids have been seen. It keeps 127-bit hashes of them, in 21 to 43 bytes each: two ids of one hash
// are not to be met.
class IdSet {
 public:
  // True when it is new.
  bool insert(std::string_view id);
  std::size_t size() const { return size_; }

 private:
  using Hash = std::array<std::uint64_t, 2>;
  Hash& slot(const Hash& hash);
  void grow();

  std::vector<Hash> slots_ = std::vector<Hash>(1024);  // open addressing; all zero: free
  std::size_t size_ = 0;
};

}  // namespace isobatch::cli
