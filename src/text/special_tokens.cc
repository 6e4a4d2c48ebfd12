#include "text/special_tokens.h"

#include <algorithm>
#include <utility>

#include "text/utf8.h"

namespace isobatch::text {

namespace {

std::size_t spaces_before(std::string_view text, std::size_t start, std::size_t end) {
  std::size_t begin = end;
  while (begin > start) {
    std::size_t at = begin - 1;
    while (at > start && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!is_white_space(decode_utf8(text, at).value)) break;
    begin = at;
  }
  return end - begin;
}

std::size_t spaces_after(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size()) {
    const CodePoint c = decode_utf8(text, end);
    if (!is_white_space(c.value)) break;
    end += static_cast<std::size_t>(c.length);
  }
  return end - begin;
}

}  // namespace

void SpecialTokens::add(std::string text, TokenId id, bool strip_left, bool strip_right) {
  first_bytes_[static_cast<unsigned char>(text[0])] = true;
  entries_.push_back({std::move(text), id, strip_left, strip_right});
}

void SpecialTokens::prepare() { std::ranges::sort(entries_, {}, &Entry::text); }

std::optional<SpecialTokens::Match> SpecialTokens::find(std::string_view text, std::size_t start) const {
  if (entries_.empty()) return std::nullopt;
  for (std::size_t offset = start; offset < text.size(); ++offset) {
    if (!first_bytes_[static_cast<unsigned char>(text[offset])]) continue;
    const Entry* entry = longest_at(text, offset);
    if (entry == nullptr) continue;
    const std::size_t end = offset + entry->text.size();
    const std::size_t before = entry->strip_left ? spaces_before(text, start, offset) : 0;
    const std::size_t after = entry->strip_right ? spaces_after(text, end) : 0;
    return Match{offset - before, before + entry->text.size() + after, entry->id};
  }
  return std::nullopt;
}

std::size_t SpecialTokens::length_at(std::string_view text, std::size_t offset) const {
  if (!first_bytes_[static_cast<unsigned char>(text[offset])]) return 0;
  const Entry* entry = longest_at(text, offset);
  return entry == nullptr ? 0 : entry->text.size();
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
