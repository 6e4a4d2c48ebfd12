// Where no token of a vocabulary can reach across, so that what lies on both sides can be encoded on its own:
// between two characters that follow each other in no token.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/utf8.h"

namespace isobatch::text {

class WordBorders {
 public:
  WordBorders() : pairs_(kBits / 64) {}

  // Every token that text can become; UTF-8.
  void add_token(std::string_view token);
  // Also between a character and U+2581 after it, whatever the tokens are.
  void split_at_spaces() { split_at_spaces_ = true; }

  // Calls on_word for each part of `text` in order; the parts, joined, are the text.
  template <typename OnWord>
  void split(std::string_view text, const OnWord& on_word) const {
    constexpr char32_t kSpace = 0x2581;
    std::size_t begin = 0;
    char32_t left = 0;
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (at > 0 && (!joined(left, c.value) || (split_at_spaces_ && c.value == kSpace))) {
        on_word(text.substr(begin, at - begin));
        begin = at;
      }
      left = c.value;
      at += static_cast<std::size_t>(c.length);
    }
    if (begin < text.size()) on_word(text.substr(begin));
  }

 private:
  // A pair that falls together with another by its hash only makes a border less.
  static constexpr std::uint64_t kBits = std::uint64_t{1} << 22;
  static std::uint64_t bit_of(char32_t left, char32_t right) {
    return ((std::uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u >> 32) % kBits;
  }
  bool joined(char32_t left, char32_t right) const {
    const std::uint64_t bit = bit_of(left, right);
    return (pairs_[bit / 64] >> (bit % 64) & 1) != 0;
  }

  std::vector<std::uint64_t> pairs_;
  bool split_at_spaces_ = false;
};

// Calls on_word for each part of `text`; all but the first begin with U+2581.
template <typename OnWord>
void split_before_spaces(std::string_view text, const OnWord& on_word) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find("\u2581", 1));
    on_word(word);
    text.remove_prefix(word.size());
  }
}

}  // namespace isobatch::text
