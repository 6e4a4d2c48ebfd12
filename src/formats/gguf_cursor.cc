#include "formats/gguf_cursor.h"

#include <fmt/format.h>

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
  if (name.empty() || name.size() > 65535) return false;
  for (std::size_t i = 0; i < name.size();) {
    const auto lead = static_cast<unsigned char>(name[i++]);
    if (lead < 0x20 || lead == 0x7f) return false;
    if (lead < 0x80) continue;
    const int following = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) return false;
    std::uint32_t code = lead & (0x3fu >> following);
    for (int j = 0; j < following; ++j) {
      if (i == name.size()) return false;
      const auto next = static_cast<unsigned char>(name[i++]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    const bool overlong = (following == 2 && code < 0x800) || (following == 3 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (overlong || surrogate || code > 0x10ffff) return false;
    if (code < 0xa0) return false;  // C1 controls
  }
  return true;
}

}  // namespace isobatch::formats
