// The fields of a body that a chat template is given.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "isobatch/error.h"
#include "openai/body.h"

namespace isobatch::openai {
namespace {

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

// A string, or a list of {"type": "text"} parts, which are joined as they stand.
std::string read_content(JsonObject& message) {
  const Json& content = message.require("content");
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) message.fail("content", "a string or a list of text parts", content);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    JsonObject part(content[i], fmt::format("{}[{}]", message.path_of("content"), i));
    const std::string& type = part.require_string("type");
    if (type != "text")
      invalid(fmt::format("{}: only text parts are supported, got {}", part.path_of("type"), excerpt(type)));
    text += part.require_string("text");
    part.reject_unknown();
  }
  return text;
}

// Arguments come as JSON in a string from OpenAI's API; templates expect the object, as vLLM gives it to
// them.
Value read_tool_calls(const Value& calls, const std::string& path) {
  if (!calls.list()) invalid(fmt::format("{}: expected a list of tool calls", path));
  Value::List result = *calls.list();
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", path, i);
    const Value* function = result[i].find("function");
    const Value* name = function ? function->find("name") : nullptr;
    if (!name || !name->string()) invalid(fmt::format("{}: expected a function with a name", place));
    for (ValueEntry& field : std::get<Value::Dict>(result[i].data)) {
      if (field.key != "function") continue;
      auto& fields = std::get<Value::Dict>(field.value.data);
      const auto known = std::ranges::find(fields, "arguments", &ValueEntry::key);
      const auto arguments =
          known != fields.end() ? known : fields.insert(known, ValueEntry{"arguments", {Value::Dict{}}});
      if (const std::string* text = arguments->value.string()) {
        arguments->value = text->empty() ? Value{Value::Dict{}} : parse_value(*text);
      }
      if (!arguments->value.dict()) {
        invalid(fmt::format("{}.function.arguments: expected an object, or one as text", place));
      }
    }
  }
  return {std::move(result)};
}

Value read_message(JsonObject& message, const Value* ordered) {
  static constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                             "tool"};
  const std::string& role = message.require_string("role");
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
    message.fail("role", "system, developer, user, assistant or tool", role);
  }
  Value::Dict fields = {{"role", {role}}};
  const bool calls = message.find("tool_calls") && *message.find("tool_calls") != Json::array();
  if (calls && role != "assistant") {
    message.fail("tool_calls", "none but in an assistant's message", *message.find("tool_calls"));
  }
  // A message that only calls tools says nothing.
  if (!calls || message.find("content")) {
    fields.push_back({"content", {read_content(message)}});
  } else {
    fields.push_back({"content", {}});
  }
  for (const char* name : {"name", "tool_call_id", "reasoning_content"}) {
    if (const std::string* text = message.find_string(name)) fields.push_back({name, {*text}});
  }
  if (calls)
    fields.push_back(
        {"tool_calls", read_tool_calls(*ordered->find("tool_calls"), message.path_of("tool_calls"))});
  message.reject_unknown();
  return {std::move(fields)};
}

// A list of objects, as it stands; null where it is absent or empty.
Value read_objects(JsonObject& body, const std::string& name) {
  const Json* list = body.find(name);
  if (!list || *list == Json::array()) return {};
  const bool objects = list->is_array() &&
                       std::all_of(list->begin(), list->end(), [](const Json& j) { return j.is_object(); });
  if (!objects) body.fail(name, "a list of objects", *list);
  return body.ordered(name);
}

Value::Dict read_variables(JsonObject& body) {
  static constexpr std::array<std::string_view, 5> kTaken = {
      "messages", "tools", "documents", "add_generation_prompt", "continue_final_message"};
  const Json* variables = body.find("chat_template_kwargs");
  if (!variables) return {};
  if (!variables->is_object()) body.fail("chat_template_kwargs", "an object", *variables);
  for (const auto& [name, value] : variables->items()) {
    if (std::find(kTaken.begin(), kTaken.end(), name) == kTaken.end()) continue;
    body.fail(fmt::format("chat_template_kwargs.{}", name), "no such name here", value);
  }
  return *body.ordered("chat_template_kwargs").dict();
}

}  // namespace

ChatInput read_chat(JsonObject& body) {
  const Json& list = body.require("messages");
  if (!list.is_array() || list.empty()) body.fail("messages", "a list of at least one message", list);
  const bool any_calls = std::any_of(list.begin(), list.end(),
                                     [](const Json& m) { return m.is_object() && m.contains("tool_calls"); });
  const Value ordered = any_calls ? body.ordered("messages") : Value();
  ChatInput chat;
  for (std::size_t i = 0; i < list.size(); ++i) {
    JsonObject message(list[i], fmt::format("{}[{}]", body.path_of("messages"), i));
    chat.messages.push_back(read_message(message, any_calls ? &(*ordered.list())[i] : nullptr));
  }
  chat.tools = read_objects(body, "tools");
  // The model is not to call any: then it is not told of them.
  if (const Json* choice = body.find("tool_choice"); choice && *choice == "none") chat.tools = {};
  chat.documents = read_objects(body, "documents");
  chat.variables = read_variables(body);
  return chat;
}

}  // namespace isobatch::openai
