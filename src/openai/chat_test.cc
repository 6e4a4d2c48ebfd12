#include <gmock/gmock.h>

#include "isobatch/openai.h"
#include "text/chat_template.h"

namespace isobatch::openai {
namespace {

using ::testing::HasSubstr;

BatchLine parse(const std::string& body) { return parse_batch_line(body, 1, {}); }

// What a template sees of a line.
std::string rendered(const std::string& body, const std::string& source) {
  const BatchLine line = parse(body);
  EXPECT_EQ(line.error, "");
  return text::ChatTemplate(source).render(std::get<ChatInput>(line.prompt));
}

const std::string kTools =
    R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"z":{},"a":{}}}}}])";

TEST(Chat, ToolsAreGivenAsTheyStand) {
  EXPECT_EQ(
      rendered(R"({"messages":[{"role":"user","content":"q"}],)" + kTools + "}", "{{ tools[0] | tojson }}"),
      R"({"type": "function", "function": {"name": "f", "parameters": )"
      R"({"type": "object", "properties": {"z": {}, "a": {}}}}})");
  const char* without = "{{ tools is none }}";
  EXPECT_EQ(rendered(R"({"messages":[{"role":"user","content":"q"}]})", without), "True");
  EXPECT_EQ(rendered(R"({"messages":[{"role":"user","content":"q"}],"tools":[]})", without), "True");
  EXPECT_EQ(rendered(R"({"messages":[{"role":"user","content":"q"}],"tool_choice":"none",)" + kTools + "}",
                     without),
            "True");
}

TEST(Chat, ToolCallsAndTheirResults) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"c1","type":"function","function":{"name":"f","arguments":"{\"z\": 1, \"a\": [2.5]}"}},)"
      R"({"id":"c2","type":"function","function":{"name":"g","arguments":{"k":"v"}}}]},)"
      R"({"role":"tool","tool_call_id":"c1","name":"f","content":"42"}]})";
  EXPECT_EQ(rendered(body,
                     "{% for c in messages[1].tool_calls %}{{ c.function.name }}"
                     "{{ c.function.arguments | tojson }};{% endfor %}{{ messages[1].content is none }} "
                     "{{ messages[2].role }} {{ messages[2].tool_call_id }} {{ messages[2].content }}"),
            R"(f{"z": 1, "a": [2.5]};g{"k": "v"};True tool c1 42)");
}

TEST(Chat, DocumentsAndVariables) {
  EXPECT_EQ(
      rendered(
          R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}],)"
          R"("documents":[{"title":"T"}],"chat_template_kwargs":{"enable_thinking":false,"n":[1,null]}})",
          "{{ messages[0].content }} {{ documents[0].title }} {{ enable_thinking }} {{ n | tojson }}"),
      "ab T False [1, null]");
}

TEST(Chat, InAWrappedBody) {
  EXPECT_EQ(rendered(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":)"
                     R"({"messages":[{"role":"user","content":"q"}],)" +
                         kTools + "}}",
                     "{{ tools[0].function.name }}"),
            "f");
}

TEST(Chat, WhatMakesNoSenseIsAnError) {
  const auto error = [](const std::string& message, const std::string& fields = "") {
    return parse(R"({"messages":[)" + message + "]" + fields + "}").error;
  };
  const std::string user = R"({"role":"user","content":"q"})";
  EXPECT_THAT(error(R"({"role":"robot","content":"q"})"),
              HasSubstr("messages[0].role: expected system, developer"));
  EXPECT_THAT(error(R"({"role":"assistant"})"), HasSubstr("messages[0].content is missing"));
  EXPECT_THAT(error(R"({"role":"user","content":"q","tool_calls":[{}]})"),
              HasSubstr("none but in an assistant's"));
  EXPECT_THAT(error(R"({"role":"assistant","tool_calls":[{"id":"c"}]})"),
              HasSubstr("tool_calls[0]: expected a function"));
  EXPECT_THAT(error(R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[1"}}]})"),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(error(R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[1]"}}]})"),
              HasSubstr("arguments: expected an object"));
  EXPECT_THAT(error(R"({"role":"user","content":[{"type":"image_url"}]})"), HasSubstr("only text parts"));
  EXPECT_THAT(error(user, R"(,"tools":{"a":1})"), HasSubstr("tools: expected a list of objects"));
  EXPECT_THAT(error(user, R"(,"tool_choice":"required")"), HasSubstr("tool_choice: not supported"));
  EXPECT_THAT(error(user, R"(,"chat_template_kwargs":{"tools":[]})"),
              HasSubstr("chat_template_kwargs.tools"));
  EXPECT_THAT(parse(R"({"prompt":"p","tools":[{}]})").error, HasSubstr("\"tools\": unknown or unsupported"));
}

}  // namespace
}  // namespace isobatch::openai
