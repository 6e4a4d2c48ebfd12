#include "text/apply_charsmap.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/utf8.h"

namespace isobatch::text {
namespace {

// What comes after counts bytes in 32 bits, and U+2581 has three where a space has one.
void append(std::string& normalized, std::string_view piece) {
  constexpr std::size_t kMaxSize = std::numeric_limits<std::int32_t>::max() / 3;
  if (piece.size() > kMaxSize - normalized.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("text to tokenize: expected at most {} bytes after normalization", kMaxSize));
  }
  normalized += piece;
}

std::optional<std::string_view> shortest_rule(const Charsmap& rules, std::string_view text) {
  std::optional<std::string_view> shortest;
  rules.find(text, [&](std::size_t, std::string_view replacement) {
    if (!shortest) shortest = replacement;
  });
  return shortest;
}

}  // namespace

std::string normalize_sentencepiece_text(std::string_view text, const Charsmap& rules,
                                         const SpecialTokens& kept, const TokenizerSpec& spec, bool first) {
  if (text.empty()) return {};
  std::string normalized;
  // Of a replacement, only the spaces in front are extra: those inside it stay.
  bool drop_spaces = spec.remove_extra_whitespaces;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = kept.length_at(text, at);
    std::string_view piece = text.substr(at, length);
    if (length == 0) {
      rules.find(text.substr(at), [&](std::size_t rule_length, std::string_view replacement) {
        length = rule_length;
        piece = replacement;
      });
    }
    if (length == 0) {
      const CodePoint c = decode_utf8(text, at);
      length = static_cast<std::size_t>(c.length);
      // A rule may have taken the beginning of a character.
      piece = c.valid ? text.substr(at, length) : "\uFFFD";
    }
    at += length;
    if (drop_spaces) piece.remove_prefix(std::min(piece.find_first_not_of(' '), piece.size()));
    if (piece.empty()) continue;
    append(normalized, piece);
    drop_spaces = spec.remove_extra_whitespaces && piece.ends_with(' ');
  }
  normalized = escape_spaces(normalized);
  add_space_prefix(normalized, spec, first);
  while (spec.remove_extra_whitespaces && normalized.ends_with(kEscapedSpace))
    normalized.resize(normalized.size() - kEscapedSpace.size());
  return normalized;
}

std::string apply_to_graphemes(const Charsmap& rules, std::string_view text) {
  constexpr std::size_t kMaxWhole = 5;  // bytes
  std::string normalized;
  const auto add_grapheme = [&](std::string_view grapheme) {
    if (grapheme.size() <= kMaxWhole) {
      if (const auto replacement = shortest_rule(rules, grapheme)) {
        append(normalized, *replacement);
        return;
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const auto character = grapheme.substr(at, static_cast<std::size_t>(decode_utf8(grapheme, at).length));
      append(normalized, shortest_rule(rules, character).value_or(character));
      at += character.size();
    }
  };
  std::size_t begin = 0;
  char32_t last = 0;
  utf8proc_int32_t state = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const bool breaks =
        at > 0 && utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last),
                                                   static_cast<utf8proc_int32_t>(c.value), &state);
    if (breaks) {
      add_grapheme(text.substr(begin, at - begin));
      begin = at;
    }
    last = c.value;
    at += static_cast<std::size_t>(c.length);
  }
  add_grapheme(text.substr(begin));
  return normalized;
}

}  // namespace isobatch::text
