// The Jinja interpreter against Python's jinja2, with the settings of Hugging Face transformers
// (tools/make_chat_golden.py).
#include <gtest/gtest.h>

#include "isobatch/error.h"
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

TEST(ChatTemplateGolden, SnippetsRenderAsInPython) {
  const auto golden = golden::read_json("jinja.json");
  ASSERT_GE(golden.at("rendered").size(), 100u);
  for (const auto& c : golden.at("rendered")) {
    const std::string source = c.at("template");
    try {
      EXPECT_EQ(text::ChatTemplate(source).render({}, false), c.at("text")) << source;
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
      const std::string rendered = text::ChatTemplate(source.get<std::string>()).render({}, false);
      ADD_FAILURE() << source << " renders as " << rendered;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("chat template:1:")) << error.what();
    }
  }
}

}  // namespace
}  // namespace isobatch
