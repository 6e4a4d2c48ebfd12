// Values as text.
#pragma once

#include <optional>
#include <string>

#include "text/jinja/context.h"
#include "text/jinja/value.h"

namespace isobatch::text::jinja {

// str(value), and "" for undefined.
std::string to_text(Context& context, const Value& value);

struct JsonOptions {
  bool ensure_ascii = false;
  std::optional<int> indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};
// json.dumps as Hugging Face transformers call it: no HTML escapes.
std::string to_json(Context& context, const Value& value, const JsonOptions& options);

// repr(float): the shortest digits that read back as the same number.
std::string format_float(double value);

}  // namespace isobatch::text::jinja
