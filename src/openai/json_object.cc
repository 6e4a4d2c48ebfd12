#include "openai/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "isobatch/error.h"
#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kExcerptBytes = 80;

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

}  // namespace

Json parse_json(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&keys](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) invalid(fmt::format("JSON nested deeper than {} levels", kMaxDepth));
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second) {
      invalid(fmt::format("the key {} stands twice in one object", excerpt(parsed)));
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::parse_error& error) {
    const bool encoding = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    invalid(fmt::format("not valid {} at byte {}", encoding ? "UTF-8" : "JSON", error.byte));
  } catch (const Json::exception&) {
    invalid("not valid JSON: a number is out of range");
  }
}

std::string excerpt(const Json& value) {
  std::string text;
  if (value.is_structured() && value.size() > 8) {
    text = fmt::format("{} of {} elements", value.is_array() ? "an array" : "an object", value.size());
  } else {
    text = value.dump();
  }
  if (text.size() <= kExcerptBytes) return text;
  std::size_t end = kExcerptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return text.substr(0, end) + "…";
}

JsonObject::JsonObject(const Json& value, std::string path, std::string_view text)
    : value_(&value), path_(std::move(path)), text_(text) {
  if (!value.is_object()) {
    invalid(fmt::format("{}expected an object, got {}", path_.empty() ? "" : path_ + ": ", excerpt(value)));
  }
}

std::string JsonObject::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void JsonObject::fail(std::string_view name, std::string_view expected, const Json& actual) const {
  invalid(fmt::format("{}: expected {}, got {}", path_of(name), expected, excerpt(actual)));
}

const Json* JsonObject::find(const std::string& name) {
  known_.insert(name);
  const auto it = value_->find(name);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

const Json& JsonObject::require(const std::string& name) {
  const Json* value = find(name);
  if (!value) invalid(fmt::format("{} is missing", path_of(name)));
  return *value;
}

const std::string* JsonObject::find_string(const std::string& name) {
  const Json* value = find(name);
  if (!value) return nullptr;
  if (!value->is_string()) fail(name, "a string", *value);
  return value->get_ptr<const std::string*>();
}

const std::string& JsonObject::require_string(const std::string& name) {
  require(name);
  return *find_string(name);
}

Value JsonObject::ordered(const std::string& name) const {
  Value value = parse_value(text_);
  const std::string path = path_of(name);
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('.', at), path.size());
    const Value* found = value.find(std::string_view(path).substr(at, end - at));
    if (!found) invalid(fmt::format("{} is missing", path));
    value = Value(*found);
    at = end + 1;
  }
  return value;
}

bool JsonObject::boolean(const std::string& name, bool otherwise) {
  const Json* value = find(name);
  if (!value) return otherwise;
  if (!value->is_boolean()) fail(name, "true or false", *value);
  return value->get<bool>();
}

std::int64_t JsonObject::integer(const std::string& name, std::int64_t least, std::int64_t most,
                                 std::int64_t otherwise) {
  const Json* value = find(name);
  if (!value) return otherwise;
  // An unsigned value above the signed range would wrap to a negative one.
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<std::uint64_t>() <= std::uint64_t(INT64_MAX));
  if (!fits || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
    fail(name, fmt::format("an integer from {} to {}", least, most), *value);
  }
  return value->get<std::int64_t>();
}

float JsonObject::number(const std::string& name, std::string_view expected, bool (*fits)(float),
                         float otherwise) {
  const Json* value = find(name);
  if (!value) return otherwise;
  if (!value->is_number()) fail(name, expected, *value);
  const float result = static_cast<float>(value->get<double>());
  if (!fits(result)) fail(name, expected, *value);
  return result;
}

void JsonObject::reject_unknown() const {
  for (const auto& [name, value] : value_->items()) {
    if (known_.count(name) || value.is_null()) continue;
    invalid(fmt::format("{}: unknown or unsupported field, got {}", path_of(excerpt(name)), excerpt(value)));
  }
}

}  // namespace isobatch::openai
