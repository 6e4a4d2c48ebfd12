// UTF-8, checked. Ill-formed bytes are counted in maximal subparts (Unicode 15, section 3.9, table 3-8), as
// most decoders do, so one broken character becomes one U+FFFD.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace isobatch::text {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct CodePoint {
  char32_t value;  // U+FFFD when not valid
  int length;      // bytes, at least 1
  bool valid;
  bool incomplete;  // not valid because the text ends inside a character that could still become valid
};

// The code point at `offset`, which must be less than text.size().
CodePoint decode_utf8(std::string_view text, std::size_t offset);

// Byte offset of the first byte that is no part of a well-formed character.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// Throws Error(invalid_argument), naming `what` and the byte offset.
void require_utf8(std::string_view text, std::string_view what);

// Bytes at the end that begin a character which the text does not finish: 0 to 3.
std::size_t incomplete_suffix(std::string_view text);

// Unicode's White_Space.
bool is_white_space(char32_t c);

void append_utf8(std::string& text, char32_t code_point);

// Ill-formed parts become U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace isobatch::text
