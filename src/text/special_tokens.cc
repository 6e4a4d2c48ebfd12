#include "text/special_tokens.h"

#include <algorithm>
#include <utility>

namespace isobatch::text {

void SpecialTokens::add(std::string text, TokenId id) {
  first_bytes_[static_cast<unsigned char>(text[0])] = true;
  entries_.push_back({std::move(text), id});
}

void SpecialTokens::prepare() { std::ranges::sort(entries_, {}, &Entry::text); }

std::optional<SpecialTokens::Match> SpecialTokens::find(std::string_view text, std::size_t start) const {
  for (std::size_t offset = start; offset < text.size(); ++offset) {
    if (!first_bytes_[static_cast<unsigned char>(text[offset])]) continue;
    if (const Entry* entry = longest_at(text, offset)) return Match{offset, entry->text.size(), entry->id};
  }
  return std::nullopt;
}

// Narrows the sorted entries byte by byte to those that share the text's beginning.
const SpecialTokens::Entry* SpecialTokens::longest_at(std::string_view text, std::size_t offset) const {
  const Entry* longest = nullptr;
  auto first = entries_.begin(), last = entries_.end();
  for (std::size_t depth = 0; offset + depth < text.size() && first != last; ++depth) {
    const auto byte = static_cast<unsigned char>(text[offset + depth]);
    const auto at_depth = [depth](const Entry& e) { return static_cast<unsigned char>(e.text[depth]); };
    first =
        std::lower_bound(first, last, byte, [&](const Entry& e, unsigned char b) { return at_depth(e) < b; });
    last =
        std::upper_bound(first, last, byte, [&](unsigned char b, const Entry& e) { return b < at_depth(e); });
    if (first != last && first->text.size() == depth + 1) longest = &*first++;
  }
  return longest;
}

}  // namespace isobatch::text
