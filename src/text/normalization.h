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

// A part between special tokens as SentencePiece's model sees it: spec.remove_extra_whitespaces and
// spec.space_prefix done, spaces escaped. `first`: the text begins with it.
std::string prepare_sentencepiece_text(std::string_view text, const TokenizerSpec& spec, bool first);

// Cheap; false may be wrong, true is right.
bool is_surely_nfc(std::string_view text);
// Unicode's normalization form C. `text` must be UTF-8.
std::string to_nfc(std::string_view text);

}  // namespace isobatch::text
