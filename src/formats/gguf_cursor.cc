#include "formats/gguf_cursor.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::formats {

std::string GgufCursor::read_string(std::string_view what) {
  const std::uint64_t length = read<std::uint64_t>(what);
  require(length, 1, what);
  std::string text(reinterpret_cast<const char*>(bytes_.data() + position_), length);
  position_ += length;
  return text;
}

void GgufCursor::require(std::uint64_t count, std::size_t item_bytes, std::string_view what) const {
  if (count <= remaining() / item_bytes) return;
  const std::string needed = count == 1 ? fmt::format("{} bytes", item_bytes)
                                        : fmt::format("{} items of at least {} bytes", count, item_bytes);
  fail(ErrorCode::corrupt_file,
       fmt::format("{}: expected {}, only {} bytes are left in the file", what, needed, remaining()));
}

void GgufCursor::fail(ErrorCode code, std::string_view message) const {
  throw Error(code, fmt::format("{}: at byte {}: {}", file_, position_, message));
}

bool is_valid_name(std::string_view name) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  return !name.empty() && name.size() <= 65535 && std::all_of(name.begin(), name.end(), printable);
}

}  // namespace isobatch::formats
