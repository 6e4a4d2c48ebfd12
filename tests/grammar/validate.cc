#include "tests/grammar/validate.h"

#include <regex>
#include <set>

namespace isobatch::test {
namespace {

using Json = nlohmann::json;

std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  for (const char byte : text) count += (byte & 0xC0) != 0x80;
  return count;
}

bool is_type(const Json& value, const std::string& type) {
  if (type == "integer") {
    return value.is_number_integer() ||
           (value.is_number_float() && value == double(std::int64_t(value.get<double>())));
  }
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : value.is_object();
}

const Json& definition(const std::string& reference, const Json& root) {
  return root.at(Json::json_pointer(reference.substr(1)));
}

std::string check_object(const Json& value, const Json& schema, const Json& root, const std::string& path) {
  for (const auto& name : schema.value("required", Json::array())) {
    if (!value.contains(name.get<std::string>())) return path + ": required " + name.dump();
  }
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, item] : value.items()) {
    const Json own =
        properties.contains(name) ? properties[name] : schema.value("additionalProperties", Json(true));
    const std::string wrong = invalid_part(item, own, root, path + "." + name);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string check_list(const Json& value, const Json& schema, const Json& root, const std::string& path) {
  if (value.size() < schema.value("minItems", 0u)) return path + ": minItems";
  if (value.size() > schema.value("maxItems", 1u << 30)) return path + ": maxItems";
  const Json prefix = schema.value("prefixItems", Json::array());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Json own = i < prefix.size() ? prefix[i] : schema.value("items", Json(true));
    const std::string wrong = invalid_part(value[i], own, root, path + "[" + std::to_string(i) + "]");
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string check_scalar(const Json& value, const Json& schema, const std::string& path) {
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (characters(text) < schema.value("minLength", 0u)) return path + ": minLength";
    if (characters(text) > schema.value("maxLength", 1u << 30)) return path + ": maxLength";
    if (schema.contains("pattern") &&
        !std::regex_search(text, std::regex(schema["pattern"].get<std::string>()))) {
      return path + ": pattern";
    }
  }
  if (value.is_number()) {
    const double x = value.get<double>();
    if (schema.contains("minimum") && x < schema["minimum"].get<double>()) return path + ": minimum";
    if (schema.contains("maximum") && x > schema["maximum"].get<double>()) return path + ": maximum";
    if (schema.contains("exclusiveMinimum") && x <= schema["exclusiveMinimum"].get<double>()) {
      return path + ": exclusiveMinimum";
    }
    if (schema.contains("exclusiveMaximum") && x >= schema["exclusiveMaximum"].get<double>()) {
      return path + ": exclusiveMaximum";
    }
  }
  return {};
}

}  // namespace

std::string invalid_part(const Json& value, const Json& schema, const Json& root, const std::string& path) {
  if (schema.is_boolean()) return schema.get<bool>() ? "" : path + ": false";
  if (schema.contains("$ref")) {
    const std::string wrong = invalid_part(value, definition(schema["$ref"], root), root, path);
    if (!wrong.empty()) return wrong;
  }
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    bool any = false;
    for (const auto& type : types) any |= is_type(value, type);
    if (!any) return path + ": type";
  }
  if (schema.contains("const") && value != schema["const"]) return path + ": const";
  if (schema.contains("enum")) {
    bool any = false;
    for (const auto& choice : schema["enum"]) any |= value == choice;
    if (!any) return path + ": enum";
  }
  for (const auto& part : schema.value("allOf", Json::array())) {
    const std::string wrong = invalid_part(value, part, root, path);
    if (!wrong.empty()) return wrong;
  }
  for (const char* word : {"anyOf", "oneOf"}) {
    if (!schema.contains(word)) continue;
    int valid = 0;
    for (const auto& part : schema[word]) valid += invalid_part(value, part, root, path).empty();
    if (valid == 0 || (valid > 1 && word[0] == 'o')) return path + ": " + word;
  }
  if (value.is_object()) return check_object(value, schema, root, path);
  if (value.is_array()) return check_list(value, schema, root, path);
  return check_scalar(value, schema, path);
}

}  // namespace isobatch::test
