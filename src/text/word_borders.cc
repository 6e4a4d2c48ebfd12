#include "text/word_borders.h"

namespace isobatch::text {

void WordBorders::add_token(std::string_view token) {
  char32_t left = 0;
  for (std::size_t at = 0; at < token.size();) {
    const CodePoint c = decode_utf8(token, at);
    if (at > 0) {
      const std::uint64_t bit = bit_of(left, c.value);
      pairs_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    left = c.value;
    at += static_cast<std::size_t>(c.length);
  }
}

}  // namespace isobatch::text
