// Where in a template something stands, and errors that say so.
#pragma once

#include <string>

#include "isobatch/error.h"

namespace isobatch::text::jinja {

// Both count from 1; columns count characters.
struct Position {
  int line = 1;
  int column = 1;
};

// Throws Error with "chat template:LINE:COLUMN: message".
[[noreturn]] void fail(ErrorCode code, Position position, const std::string& message);

// A template that is not well-formed Jinja.
[[noreturn]] inline void syntax_error(Position position, const std::string& message) {
  fail(ErrorCode::corrupt_file, position, message);
}

}  // namespace isobatch::text::jinja
