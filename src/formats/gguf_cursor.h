// Reads a GGUF header from front to back; never past the end of the file.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "isobatch/error.h"

namespace isobatch::formats {

static_assert(std::endian::native == std::endian::little,
              "GGUF files are little-endian and read as they are");

class GgufCursor {
 public:
  // `file` names the file in error messages. `bytes` must outlive the cursor.
  GgufCursor(std::span<const std::byte> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  // `what` says in error messages what is being read. Throws Error(corrupt_file) when the file ends before
  // it.
  template <typename T>
  T read(std::string_view what) {
    require(1, sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }
  std::string read_string(std::string_view what);

  // Throws Error(corrupt_file) unless `count` items of at least `item_bytes` each can still follow; called
  // before anything is allocated for them.
  void require(std::uint64_t count, std::size_t item_bytes, std::string_view what) const;

  // The message gets the file and the position in front.
  [[noreturn]] void fail(ErrorCode code, std::string_view message) const;

 private:
  std::span<const std::byte> bytes_;
  std::string file_;
  std::size_t position_ = 0;
};

// Keys and tensor names are printable ASCII, 1 to 65535 bytes, by the format; so they fit a one-line message.
bool is_valid_name(std::string_view name);

}  // namespace isobatch::formats
