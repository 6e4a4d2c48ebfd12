// A file mapped read-only into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace isobatch {

class MappedFile {
 public:
  // Throws Error(not_found) when there is no such file, Error(io) when it cannot be read or mapped, is no
  // regular file or is empty; the message holds the path and the system's reason.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::size_t size() const { return size_; }
  // Valid while this object, or the one it was moved to, lives.
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Drops the resident pages that lie wholly inside [offset, offset + size); reading them again is allowed
  // and fetches them from the file. The range is cut to the file.
  void release(std::size_t offset, std::size_t size) const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace isobatch
