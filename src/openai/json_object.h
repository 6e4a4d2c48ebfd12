// JSON as strangers send it: strict parsing, and typed access to an object's fields by name.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "isobatch/value.h"

namespace isobatch::openai {

using Json = nlohmann::json;

// Throws Error(invalid_argument): not JSON, not UTF-8, a key twice in one object, or nested too deeply.
Json parse_json(std::string_view text);

// At most about 80 bytes of the value as JSON, for messages.
std::string excerpt(const Json& value);

// The fields of one object. A field that is null counts as absent. Fields that nobody asked for are found by
// reject_unknown(). All throw Error(invalid_argument) with the field's path.
class JsonObject {
 public:
  // `path` names the object in messages: "" for the line itself, "body.messages[0]". The value must outlive
  // this, and so must `text`, the whole line: where it is given, `path` are keys joined by dots.
  JsonObject(const Json& value, std::string path, std::string_view text = {});

  const Json* find(const std::string& name);  // null when absent
  const Json& require(const std::string& name);
  const std::string* find_string(const std::string& name);
  const std::string& require_string(const std::string& name);
  // A field that is there, with the order that its objects have in the text.
  Value ordered(const std::string& name) const;
  std::string_view text() const { return text_; }
  // The field's value, or `otherwise`.
  bool boolean(const std::string& name, bool otherwise);
  // In [least, most].
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                       std::int64_t otherwise);
  // Rounded to f32; `fits` tells whether that is a value to use, `expected` describes those.
  float number(const std::string& name, std::string_view expected, bool (*fits)(float), float otherwise);

  void reject_unknown() const;

  std::string path_of(std::string_view name) const;
  [[noreturn]] void fail(std::string_view name, std::string_view expected, const Json& actual) const;

 private:
  const Json* value_;
  std::string path_;
  std::string_view text_;
  std::set<std::string> known_;
};

}  // namespace isobatch::openai
