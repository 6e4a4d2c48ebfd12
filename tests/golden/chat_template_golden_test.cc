// The Jinja interpreter against Python's jinja2, with the settings of Hugging Face transformers
// (tools/make_chat_golden.py).
#include <gtest/gtest.h>

#include <ctime>
#include <iomanip>
#include <sstream>

#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "tests/golden/golden_file.h"
#include "text/chat_template.h"

namespace isobatch {
namespace {

std::vector<ChatMessage> messages_of(const nlohmann::json& list) {
  std::vector<ChatMessage> messages;
  for (const auto& message : list) messages.push_back({message.at("role"), message.at("content")});
  return messages;
}

TEST(ChatTemplateGolden, Smollm2) {
  const auto golden = golden::read_json("chat_smollm2.json");
  const text::ChatTemplate chat(golden.at("template"), "<|im_start|>", "<|im_end|>");
  ASSERT_GE(golden.at("cases").size(), 30u);
  for (const auto& c : golden.at("cases")) {
    EXPECT_EQ(chat.render(messages_of(c.at("messages")), c.at("add_generation_prompt")), c.at("text"));
  }
}

Value value_of(const nlohmann::ordered_json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_number_integer()) return {json.get<std::int64_t>()};
  if (json.is_number()) return {json.get<double>()};
  if (json.is_string()) return {json.get<std::string>()};
  if (json.is_array()) {
    Value::List list;
    for (const auto& item : json) list.push_back(value_of(item));
    return {list};
  }
  Value::Dict dict;
  for (const auto& [key, value] : json.items()) dict.push_back({key, value_of(value)});
  return {dict};
}

// The time that tools/make_chat_golden.py has.
std::tm fixed_now() {
  std::tm now = {};
  std::istringstream("2025-03-07 09:05:02") >> std::get_time(&now, "%Y-%m-%d %H:%M:%S");
  std::mktime(&now);  // the days of week and year
  return now;
}

ChatInput empty_input() {
  ChatInput input;
  input.now = fixed_now();
  return input;
}

ChatInput input_of(const nlohmann::ordered_json& json) {
  ChatInput input;
  const auto get = [&](const char* key) { return value_of(json.value(key, nlohmann::ordered_json())); };
  input.messages = std::get<Value::List>(get("messages").data);
  input.tools = get("tools");
  input.documents = get("documents");
  input.add_generation_prompt = json.value("add_generation_prompt", true);
  if (json.contains("variables")) input.variables = std::get<Value::Dict>(get("variables").data);
  input.now = fixed_now();
  return input;
}

TEST(ChatTemplateGolden, FamiliesRenderAsInPython) {
  const auto golden = nlohmann::ordered_json::parse(golden::read_file("chat_families.json"));
  const auto& inputs = golden.at("inputs");
  ASSERT_GE(golden.at("templates").size(), 10u);
  for (const auto& [name, texts] : golden.at("templates").items()) {
    const text::ChatTemplate chat(golden::read_file("chat_templates/" + name + ".jinja"), "<s>", "</s>");
    ASSERT_EQ(texts.size(), inputs.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      try {
        EXPECT_EQ(nlohmann::ordered_json(chat.render(input_of(inputs[i]))), texts[i])
            << name << " " << inputs[i];
      } catch (const Error& error) {
        EXPECT_TRUE(texts[i].is_null()) << name << " " << inputs[i] << " " << error.what();
      }
    }
  }
}

// The same inputs as the body of a request: what is read of it is what Python was given.
TEST(ChatTemplateGolden, BodiesRenderAsInPython) {
  const auto golden = nlohmann::ordered_json::parse(golden::read_file("chat_families.json"));
  const auto& inputs = golden.at("inputs");
  std::size_t compared = 0, with_tools = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].value("add_generation_prompt", true)) continue;  // a request always wants an answer
    nlohmann::ordered_json body = {{"messages", inputs[i].at("messages")}};
    for (const auto& [field, name] : {std::pair{"tools", "tools"}, std::pair{"documents", "documents"},
                                      std::pair{"variables", "chat_template_kwargs"}}) {
      if (inputs[i].contains(field)) body[name] = inputs[i][field];
    }
    const openai::BatchLine line = openai::parse_batch_line(body.dump(), 1, {});
    if (!line.error.empty()) continue;  // roles and fields that OpenAI's interface does not have
    ChatInput input = std::get<ChatInput>(line.prompt);
    input.now = fixed_now();
    for (const auto& [name, texts] : golden.at("templates").items()) {
      const text::ChatTemplate chat(golden::read_file("chat_templates/" + name + ".jinja"), "<s>", "</s>");
      if (texts[i].is_null()) continue;
      EXPECT_EQ(nlohmann::ordered_json(chat.render(input)), texts[i]) << name << " " << body;
      ++compared;
      with_tools += !input.tools.is_null();
    }
  }
  EXPECT_GE(compared, 80u);
  EXPECT_GE(with_tools, 10u);
}

TEST(ChatTemplateGolden, SnippetsRenderAsInPython) {
  const auto golden = golden::read_json("jinja.json");
  ASSERT_GE(golden.at("rendered").size(), 100u);
  for (const auto& c : golden.at("rendered")) {
    const std::string source = c.at("template");
    try {
      EXPECT_EQ(text::ChatTemplate(source).render(empty_input()), c.at("text")) << source;
    } catch (const Error& error) {
      ADD_FAILURE() << source << "\n" << error.what();
    }
  }
}

TEST(ChatTemplateGolden, SnippetsFailAsInPython) {
  const auto golden = golden::read_json("jinja.json");
  ASSERT_GE(golden.at("failing").size(), 40u);
  for (const auto& source : golden.at("failing")) {
    try {
      const std::string rendered = text::ChatTemplate(source.get<std::string>()).render(empty_input());
      ADD_FAILURE() << source << " renders as " << rendered;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("chat template:1:")) << error.what();
    }
  }
}

}  // namespace
}  // namespace isobatch
