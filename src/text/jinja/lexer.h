// Template source to tokens. White space control is settled here: `-` and `+` marks, and trim_blocks and
// lstrip_blocks, both on, as in Hugging Face transformers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/source.h"

namespace isobatch::text::jinja {

enum class TokenKind {
  text,          // outside of tags
  output_begin,  // {{
  output_end,
  block_begin,  // {%
  block_end,
  name,
  string,  // escapes resolved
  integer,
  floating,
  symbol,  // operators and brackets
  end,
};

struct Token {
  TokenKind kind;
  Position position;
  std::string text;  // of text, name, string, symbol
  std::int64_t integer = 0;
  double floating = 0;

  bool is_symbol(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

// The last token is `end`. Throws Error: corrupt_file (not UTF-8, not Jinja), unsupported ({% raw %}).
std::vector<Token> tokenize(std::string_view source);

}  // namespace isobatch::text::jinja
