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

TEST(ChatTemplate, RefusesContentThatIsNotUtf8) {
  const ChatTemplate chat("x");
  const std::vector<ChatMessage> messages = {{"user", "ok"}, {"user", "a\xff"}};
  try {
    chat.render(messages, false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "content of message 1: expected UTF-8, found byte 0xff at byte offset 1");
  }
}

}  // namespace
}  // namespace isobatch::text
