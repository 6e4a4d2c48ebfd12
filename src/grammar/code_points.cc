#include "grammar/code_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "text/utf8.h"

namespace isobatch::grammar {
namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr CodePointSet::Range kSurrogates = {0xD800, 0xDFFF};

std::string encoded(char32_t code_point) {
  std::string text;
  text::append_utf8(text, code_point);
  return text;
}

// Adds terms of all byte strings between `first` and `last`, which have the same length, from byte `i` on;
// the bytes before are equal.
Term between(TermPool& pool, const std::string& first, const std::string& last, std::size_t i) {
  const auto a = static_cast<unsigned char>(first[i]), b = static_cast<unsigned char>(last[i]);
  if (i + 1 == first.size()) return pool.bytes(ByteSet::range(a, b));
  if (a == b) return pool.concat(pool.bytes(ByteSet::range(a, a)), between(pool, first, last, i + 1));
  const std::string least(first.size(), '\x80'), most(first.size(), '\xBF');
  // The first and the last lead byte have part of what may follow, those between have all of it.
  return pool.either(
      {pool.concat(pool.bytes(ByteSet::range(a, a)), between(pool, first, most, i + 1)),
       a + 1 < b ? pool.concat(pool.bytes(ByteSet::range(a + 1, b - 1)), between(pool, least, most, i + 1))
                 : kEmpty,
       pool.concat(pool.bytes(ByteSet::range(b, b)), between(pool, least, last, i + 1))});
}

}  // namespace

CodePointSet::CodePointSet(std::initializer_list<Range> ranges) {
  for (const auto& [first, last] : ranges) add(first, last);
}

void CodePointSet::add(char32_t first, char32_t last) {
  if (first < kSurrogates.first && last >= kSurrogates.first) {
    add(first, kSurrogates.first - 1);
    first = kSurrogates.first;
  }
  if (first >= kSurrogates.first && first <= kSurrogates.second) first = kSurrogates.second + 1;
  last = std::min(last, kLast);
  if (first > last) return;
  std::vector<Range> merged;
  for (const Range& range : ranges_) {
    if (range.second + 1 < first || range.first > last + 1) {
      merged.push_back(range);
    } else {
      first = std::min(first, range.first);
      last = std::max(last, range.second);
    }
  }
  merged.emplace_back(first, last);
  std::ranges::sort(merged);
  ranges_ = std::move(merged);
}

void CodePointSet::add(const CodePointSet& other) {
  for (const auto& [first, last] : other.ranges_) add(first, last);
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  char32_t next = 0;
  for (const auto& [first, last] : ranges_) {
    if (next < first) result.add(next, first - 1);
    next = last + 1;
  }
  if (next <= kLast) result.add(next, kLast);
  return result;
}

bool CodePointSet::has(char32_t code_point) const {
  return std::ranges::any_of(ranges_,
                             [=](const Range& r) { return r.first <= code_point && code_point <= r.second; });
}

Term utf8_term(TermPool& pool, const CodePointSet& set) {
  static constexpr CodePointSet::Range kLengths[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLast}};
  std::vector<Term> ways;
  for (const auto& [first, last] : set.ranges()) {
    for (const auto& [least, most] : kLengths) {
      const char32_t a = std::max(first, least), b = std::min(last, most);
      if (a <= b) ways.push_back(between(pool, encoded(a), encoded(b), 0));
    }
  }
  return pool.either(std::move(ways));
}

Term json_term(TermPool& pool, const CodePointSet& set) {
  static constexpr std::pair<char32_t, const char*> kShort[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"},
                                                                {'\f', "\\f"}, {'\n', "\\n"},  {'\r', "\\r"},
                                                                {'\t', "\\t"}};
  std::vector<Term> ways;
  CodePointSet escaped = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  CodePointSet plain = set.complement();
  plain.add(escaped);
  ways.push_back(utf8_term(pool, plain.complement()));
  for (char32_t c = 0; c <= '\\'; ++c) {
    if (!escaped.has(c) || !set.has(c)) continue;
    const auto found = std::ranges::find(kShort, c, [](const auto& pair) { return pair.first; });
    ways.push_back(pool.literal(found != std::end(kShort) ? std::string(found->second)
                                                          : fmt::format("\\u{:04x}", static_cast<int>(c))));
  }
  return pool.either(std::move(ways));
}

}  // namespace isobatch::grammar
