// The fields of a body that say what an answer must look like.
#include <fmt/format.h>

#include "isobatch/error.h"
#include "openai/body.h"
#include "openai/json_value.h"

namespace isobatch::openai {
namespace {

Constraint from_schema(const std::string& path, Value schema) {
  // As vLLM takes it: also JSON in a string.
  if (schema.string()) schema = parse_value(*schema.string());
  if (!schema.dict() && !schema.boolean()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: expected a JSON schema, got {}", path, excerpt(Json(to_json(schema)))));
  }
  return {.schema = std::make_shared<const Value>(std::move(schema))};
}

Constraint any_object() { return from_schema("", {Value::Dict{{"type", {std::string("object")}}}}); }

Constraint from_regex(JsonObject& fields, const std::string& name) {
  const std::string& regex = fields.require_string(name);
  if (regex.empty()) fields.fail(name, "a regular expression that is not empty", regex);
  return {.regex = regex};
}

Constraint from_choices(JsonObject& fields, const std::string& name) {
  const Json& list = fields.require(name);
  Constraint constraint;
  const bool is_list = list.is_array() && !list.empty();
  for (std::size_t i = 0; is_list && i < list.size(); ++i) {
    if (list[i].is_string() && list[i] != "") constraint.choices.push_back(list[i].get<std::string>());
  }
  if (!is_list || constraint.choices.size() != list.size()) {
    fields.fail(name, "a list of texts, none of them empty", list);
  }
  return constraint;
}

// OpenAI's: {"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {…}}.
Constraint read_response_format(JsonObject& body) {
  JsonObject format(body.require("response_format"), body.path_of("response_format"), body.text());
  const std::string& type = format.require_string("type");
  Constraint constraint;
  if (type == "json_object") {
    constraint = any_object();
  } else if (type == "json_schema") {
    JsonObject named(format.require("json_schema"), format.path_of("json_schema"), body.text());
    named.find_string("name");
    named.find_string("description");
    named.boolean("strict", true);  // it is kept to in either case
    named.require("schema");
    constraint = from_schema(named.path_of("schema"), named.ordered("schema"));
    named.reject_unknown();
  } else if (type != "text") {
    format.fail("type", "text, json_object or json_schema", type);
  }
  format.reject_unknown();
  return constraint;
}

// vLLM's: one of {"json": …}, {"json_object": true}, {"regex": …}, {"choice": […]}.
Constraint read_structured_outputs(JsonObject& body) {
  const Json& value = body.require("structured_outputs");
  JsonObject fields(value, body.path_of("structured_outputs"), body.text());
  Constraint constraint;
  int given = 0;
  if (fields.find("json")) constraint = from_schema(fields.path_of("json"), fields.ordered("json")), ++given;
  if (fields.boolean("json_object", false)) constraint = any_object(), ++given;
  if (fields.find("regex")) constraint = from_regex(fields, "regex"), ++given;
  if (fields.find("choice")) constraint = from_choices(fields, "choice"), ++given;
  fields.reject_unknown();
  if (given != 1) body.fail("structured_outputs", "one of json, json_object, regex and choice", value);
  return constraint;
}

}  // namespace

void read_constraint(JsonObject& body, Request& request) {
  std::string given;
  const auto read = [&](const char* name, const auto& from) {
    if (!body.find(name)) return;
    if (!given.empty()) body.fail(name, fmt::format("none beside {}", given), *body.find(name));
    given = name;
    request.constraint = from();
  };
  read("response_format", [&] { return read_response_format(body); });
  read("structured_outputs", [&] { return read_structured_outputs(body); });
  read("guided_json", [&] { return from_schema(body.path_of("guided_json"), body.ordered("guided_json")); });
  read("guided_regex", [&] { return from_regex(body, "guided_regex"); });
  read("guided_choice", [&] { return from_choices(body, "guided_choice"); });
}

}  // namespace isobatch::openai
