#include "text/chat_template.h"

#include <gtest/gtest.h>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

TEST(ChatTemplate, GivesTheVariablesOfTransformers) {
  const ChatTemplate chat(
      "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m['content'] }}{{ eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}>{% endif %}{{ tools is none and documents is none }}",
      "<s>", "</s>");
  const std::vector<ChatMessage> messages = {{"user", "hi"}, {"assistant", "yo"}};
  EXPECT_EQ(chat.render(messages, true), "<s>user:hi</s>assistant:yo</s>>True");
  EXPECT_EQ(chat.render({}, false), "<s>True");
}

TEST(ChatTemplate, ContentIsNoTemplate) {
  const ChatTemplate chat("{{ messages[0].content }}");
  const std::vector<ChatMessage> messages = {{"user", "{{ 1 }}"}};
  EXPECT_EQ(chat.render(messages, false), "{{ 1 }}");
}

TEST(ChatTemplate, TakesToolsDocumentsAndFurtherVariables) {
  const ChatTemplate chat(
      "{{ tools|tojson }} {{ documents[0].title }} {{ enable_thinking }} {{ bos_token }} "
      "{{ messages[0].tool_calls[0].n }} {{ strftime_now('%d %b %Y') }}",
      "<s>");
  ChatInput input;
  input.messages = {{Value::Dict{{"tool_calls", {Value::List{{Value::Dict{{"n", {std::int64_t{7}}}}}}}}}}};
  input.tools = {Value::List{{Value::Dict{{"b", {true}}, {"a", {1.5}}}}}};
  input.documents = {Value::List{{Value::Dict{{"title", {std::string("T")}}}}}};
  input.variables = {{"enable_thinking", {false}}, {"bos_token", {std::string("<b>")}}};
  input.now = std::tm{};
  input.now->tm_mday = 5;
  input.now->tm_year = 125;
  EXPECT_EQ(chat.render(input), R"([{"b": true, "a": 1.5}] T False <b> 7 05 Jan 2025)");
}

TEST(ChatTemplate, RefusesInputThatIsNestedTooDeeply) {
  Value deep;
  for (int i = 0; i < 1000; ++i) deep = {Value::List{deep}};
  ChatInput input;
  input.tools = deep;
  EXPECT_THROW(ChatTemplate("x").render(input), Error);
}

TEST(ChatTemplate, RefusesContentThatIsNotUtf8) {
  const ChatTemplate chat("x");
  const std::vector<ChatMessage> messages = {{"user", "ok"}, {"user", "a\xff"}};
  try {
    chat.render(messages, false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "messages[1].content: expected UTF-8, found byte 0xff at byte offset 1");
  }
}

}  // namespace
}  // namespace isobatch::text
