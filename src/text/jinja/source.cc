#include "text/jinja/source.h"

#include <fmt/format.h>

namespace isobatch::text::jinja {

void fail(ErrorCode code, Position position, const std::string& message) {
  throw Error(code, fmt::format("chat template:{}:{}: {}", position.line, position.column, message));
}

}  // namespace isobatch::text::jinja
