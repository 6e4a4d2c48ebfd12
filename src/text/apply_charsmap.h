// What normalization rules (text/charsmap.h) make of a text. Both throw Error(invalid_argument) when that is
// too long. `text` must be UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "text/charsmap.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace isobatch::text {

// As SentencePiece's normalizer does it: at each place the longest rule that fits is applied, and spaces of
// its replacement are spaces like those of the text. `kept` are texts that no rule touches. Then as
// prepare_sentencepiece_text: spec.remove_extra_whitespaces, spec.space_prefix, spaces escaped.
std::string normalize_sentencepiece_text(std::string_view text, const Charsmap& rules,
                                         const SpecialTokens& kept, const TokenizerSpec& spec, bool first);

// As Hugging Face's `tokenizers` does it: the shortest rule that a grapheme of fewer than 6 bytes begins with
// replaces all of it; where there is none, the same of each of its characters. Graphemes are those of
// utf8proc, which differ where its Unicode is older than Hugging Face's: before a combining mark that it does
// not know, and in a conjunct of Indic letters (rule GB9c of Unicode 15.1), which matters only with a mark of
// two bytes behind.
std::string apply_to_graphemes(const Charsmap& rules, std::string_view text);

}  // namespace isobatch::text
