#include "text/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

// What may follow a lead byte; the second byte's range keeps out overlong forms and surrogates.
struct Lead {
  int length;  // 0: no lead byte
  unsigned char second_low = 0x80;
  unsigned char second_high = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t offset) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.length == 1) return {byte(0), 1, true, false};
  if (lead.length == 0) return {kReplacementCharacter, 1, false, false};
  char32_t value = byte(0) & (0xFFu >> (lead.length + 1));
  for (int i = 1; i < lead.length; ++i) {
    if (offset + i >= text.size()) return {kReplacementCharacter, i, false, true};
    const unsigned char low = i == 1 ? lead.second_low : 0x80;
    const unsigned char high = i == 1 ? lead.second_high : 0xBF;
    if (byte(i) < low || byte(i) > high) return {kReplacementCharacter, i, false, false};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  return {value, lead.length, true, false};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    std::uint64_t eight;  // ASCII in one look
    if (offset + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + offset, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        offset += 8;
        continue;
      }
    }
    const CodePoint c = decode_utf8(text, offset);
    if (!c.valid) return offset;
    offset += c.length;
  }
  return std::nullopt;
}

void require_utf8(std::string_view text, std::string_view what) {
  if (const auto offset = find_invalid_utf8(text)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: expected UTF-8, found byte 0x{:02x} at byte offset {}", what,
                            static_cast<unsigned char>(text[*offset]), *offset));
  }
}

std::size_t incomplete_suffix(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(3, text.size()); ++length) {
    const std::size_t offset = text.size() - length;
    if ((static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) continue;
    const CodePoint c = decode_utf8(text, offset);
    return c.incomplete && static_cast<std::size_t>(c.length) == length ? length : 0;
  }
  return 0;
}

bool is_white_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

void append_utf8(std::string& text, char32_t c) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80u | (c >> shift & 0x3Fu)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0u | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0u | c >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xF0u | c >> 18);
    tail(12), tail(6), tail(0);
  }
}

std::string to_valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t offset = 0; offset < text.size();) {
    const CodePoint c = decode_utf8(text, offset);
    if (c.valid) {
      valid.append(text, offset, c.length);
    } else {
      append_utf8(valid, kReplacementCharacter);
    }
    offset += c.length;
  }
  return valid;
}

}  // namespace isobatch::text
