// SentencePiece's normalization rules in their compiled form, `precompiled_charsmap`: which text stands for
// which. What they mean for a text is in text/apply_charsmap.h.
//
// A uint32 with the size of the trie in bytes, the trie, then the replacements, each ended by a zero byte;
// all numbers are little-endian. The trie is a double array of Darts-clone, of uint32 units
// (https://github.com/s-yata/darts-clone). Of a node: bits 0-7 its byte, bit 8 whether a rule ends here, bits
// 10-30 an offset, times 256 with bit 9. Node XOR offset is the base of a node: there is the rule's value,
// and at base XOR byte its child, where the unit has that byte. A value has bit 31, and below it the place of
// the replacement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::text {

class Charsmap {
 public:
  // Throws Error(corrupt_file) when `blob` is not one; afterwards nothing that a text leads to is out of
  // range.
  explicit Charsmap(std::string_view blob);

  // Calls on_rule(length in bytes, replacement) for each rule that `text` begins with, the shortest first.
  template <typename OnRule>
  void find(std::string_view text, const OnRule& on_rule) const {
    std::size_t node = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      node = base(node) ^ byte;
      if (!is_child(node, byte)) return;
      if (ends_rule(node)) on_rule(at + 1, replacement(node));
    }
  }

 private:
  static constexpr std::uint32_t kIsValue = std::uint32_t{1} << 31;

  std::size_t base(std::size_t node) const {
    const std::uint32_t unit = units_[node];
    return node ^ (std::size_t{unit >> 10} << ((unit >> 9 & 1) * 8));
  }
  // No rule has a zero byte: the unit at the base is the value.
  bool is_child(std::size_t node, unsigned char byte) const {
    return byte != 0 && (units_[node] & (kIsValue | 0xFF)) == byte;
  }
  bool ends_rule(std::size_t node) const { return (units_[node] >> 8 & 1) != 0; }
  std::string_view replacement(std::size_t node) const {
    return replacements_.c_str() + (units_[base(node)] & ~kIsValue);
  }
  void check_node(std::size_t node) const;
  void check_trie() const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace isobatch::text
