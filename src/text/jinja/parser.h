// Tokens to a syntax tree.
#pragma once

#include <string_view>

#include "text/jinja/ast.h"

namespace isobatch::text::jinja {

// Throws Error, with line and column: corrupt_file (not Jinja), unsupported (a tag, filter or test that is
// not known, or nesting beyond the bound).
Block parse(std::string_view source);

}  // namespace isobatch::text::jinja
