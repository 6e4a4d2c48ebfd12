// Changes to text before it is cut into tokens.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace isobatch::text {

// SentencePiece writes a space as U+2581.
inline constexpr std::string_view kEscapedSpace = "\u2581";
std::string escape_spaces(std::string_view text);
std::string unescape_spaces(std::string_view text);

// Puts U+2581 in front when spec.space_prefix says so.
void add_space_prefix(std::string& escaped, const TokenizerSpec& spec, bool first);

// A part between special tokens as SentencePiece's model sees it: spec.remove_extra_whitespaces and
// spec.space_prefix done, spaces escaped. `first`: the text begins with it.
std::string prepare_sentencepiece_text(std::string_view text, const TokenizerSpec& spec, bool first);

// Without the white space (Unicode's) at its end.
std::string_view without_end_space(std::string_view text);
// Each run of two or more spaces becomes `joined`.
std::string join_spaces(std::string_view text, std::string_view joined);

// Cheap; false may be wrong, true is right.
bool is_surely_nfc(std::string_view text);
// Unicode's normalization form C. `text` must be UTF-8.
std::string to_nfc(std::string_view text);

}  // namespace isobatch::text
