// The inside of a string literal, escapes resolved as Python does.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/source.h"

namespace isobatch::text::jinja {

// Throws Error: corrupt_file (a broken \x, \u or \U), unsupported (\N{name}), at `position`.
std::string unescape(std::string_view literal, Position position);

}  // namespace isobatch::text::jinja
