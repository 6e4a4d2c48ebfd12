// What SentencePiece's models share: what tokens stand for, and what becomes of characters without a token.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace isobatch::text {

// The byte of "<0xNN>".
std::optional<unsigned char> parse_byte_token(std::string_view token);

// The bytes of a token: U+2581 is a space, "<0xNN>" of type byte a byte; a control token gives its name.
std::string sentencepiece_bytes(std::string_view token, TokenType type);

// Whether plain text can become this token.
bool is_plain_token(std::string_view token, TokenType type);

// Characters without a token: their bytes' tokens, or the unknown token.
class ByteFallback {
 public:
  // Finds the tokens of type byte. Throws Error(corrupt_file) when one has another name.
  explicit ByteFallback(const TokenizerSpec& spec);

  // Appends the tokens of all bytes of `text`; when one of them has none, a mark for the unknown token.
  void append(std::string_view text, std::vector<TokenId>& ids) const;
  // Marks become spec.unknown, neighbours one when spec.fuse_unknown; without an unknown token they go.
  void replace_marks(std::vector<TokenId>& ids) const;

 private:
  static constexpr TokenId kUnknownMark = -2;

  std::array<TokenId, 256> ids_;  // -1: no token
  std::optional<TokenId> unknown_;
  bool fuse_;
};

}  // namespace isobatch::text
