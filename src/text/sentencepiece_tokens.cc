#include "text/sentencepiece_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "isobatch/error.h"
#include "text/normalization.h"
#include "text/utf8.h"

namespace isobatch::text {

std::optional<unsigned char> parse_byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned char byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return byte;
}

std::string sentencepiece_bytes(std::string_view token, TokenType type) {
  if (type == TokenType::control || type == TokenType::unknown) return std::string(token);
  if (type == TokenType::byte) {
    // ByteFallback refuses other names.
    return std::string(1, static_cast<char>(parse_byte_token(token).value_or('?')));
  }
  return unescape_spaces(token);
}

bool is_plain_token(std::string_view token, TokenType type) {
  const bool can = type == TokenType::normal || type == TokenType::user_defined || type == TokenType::unused;
  return can && !token.empty() && !find_invalid_utf8(token);
}

ByteFallback::ByteFallback(const TokenizerSpec& spec) : unknown_(spec.unknown), fuse_(spec.fuse_unknown) {
  ids_.fill(-1);
  for (std::size_t id = 0; id < spec.types.size(); ++id) {
    if (spec.types[id] != TokenType::byte) continue;
    const auto byte = parse_byte_token(spec.tokens[id]);
    if (!byte) {
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("tokenizer: token {} of type byte: expected <0x00> to <0xFF>, found \"{}\"", id,
                              spec.tokens[id]));
    }
    ids_[*byte] = static_cast<TokenId>(id);
  }
}

void ByteFallback::append(std::string_view text, std::vector<TokenId>& ids) const {
  const auto id_of = [&](char c) { return ids_[static_cast<unsigned char>(c)]; };
  if (std::ranges::all_of(text, [&](char c) { return id_of(c) >= 0; })) {
    for (const char c : text) ids.push_back(id_of(c));
  } else {
    ids.push_back(kUnknownMark);
  }
}

void ByteFallback::replace_marks(std::vector<TokenId>& ids) const {
  std::size_t kept = 0;
  bool after_mark = false;
  for (const TokenId id : ids) {
    const bool mark = id == kUnknownMark;
    if (!mark) {
      ids[kept++] = id;
    } else if (unknown_ && !(fuse_ && after_mark)) {
      ids[kept++] = *unknown_;
    }
    after_mark = mark;
  }
  ids.resize(kept);
}

}  // namespace isobatch::text
