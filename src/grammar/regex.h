// Regular expressions in the syntax of ECMA-262, as JSON Schema and the APIs of language models use it.
#pragma once

#include <string_view>

#include "grammar/code_points.h"
#include "grammar/term.h"

namespace isobatch::grammar {

enum class RegexMatch {
  whole,   // the whole text matches
  search,  // a part of the text does, as JSON Schema's `pattern` means it
};

// The language of a regular expression, each character written by `encode`. Read are: characters, escapes
// (\d \w \s \D \W \S \t \n \r \f \v \0 \xHH \uHHHH \u{H…} and escaped punctuation), classes, the dot, groups
// (?:…) (?<name>…), alternatives, the quantifiers * + ? {n} {n,} {n,m}, also lazy ones, which match the same
// texts, and ^ and $ at the ends of the whole or of its alternatives. Throws Error(invalid_argument) with
// `where` and the place for anything else: backreferences, look-around, \b, \p.
Term regex_term(TermPool& pool, std::string_view regex, RegexMatch match, Encode encode,
                std::string_view where);

}  // namespace isobatch::grammar
