#include <gtest/gtest.h>

#include <fstream>

#include "isobatch/audit/audit.h"
#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch::audit {
namespace {

struct PromptsTest : testing::Test {
  test::TempDir dir;
  std::filesystem::path write(const std::string& text) {
    std::ofstream(dir.path() / "p.jsonl") << text;
    return dir.path() / "p.jsonl";
  }
  std::string error(const std::string& text) {
    try {
      read_prompts(write(text));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(PromptsTest, AllForms) {
  const auto prompts =
      read_prompts(write(R"({"id": "a", "messages": [{"role": "user", "content": "Hi"}], "answer": "no"}
{"custom_id": "b", "prompt": "Once"}

{"input_ids": [0, 5, 6], "attention_mask": [0, 1, 1]}
{"custom_id": "d", "method": "POST", "url": "/v1/completions", "body": {"prompt": "x"}}
)"));
  ASSERT_EQ(prompts.size(), 4u);
  EXPECT_EQ(prompts[0].id, "a");
  EXPECT_EQ(prompts[0].answer, "no");
  EXPECT_EQ(prompts[0].messages[0].content, "Hi");
  EXPECT_EQ(prompts[1].id, "b");
  EXPECT_EQ(prompts[1].text, "Once");
  EXPECT_EQ(prompts[2].tokens, (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(prompts[3].text, "x");
}

TEST_F(PromptsTest, ErrorsNameTheLine) {
  EXPECT_NE(error("{\"prompt\": \"x\"}\n{\"prompt\": 3}\n").find("line 2"), std::string::npos);
  EXPECT_NE(error("{\"prompt\": \"x\", \"answer\": 3}\n").find("answer"), std::string::npos);
  EXPECT_NE(
      error(R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"thinking": true}})")
          .find("thinking"),
      std::string::npos);
  EXPECT_NE(error("not json\n").find("line 1"), std::string::npos);
  EXPECT_NE(error("\n").find("no prompts"), std::string::npos);
  EXPECT_THROW(read_prompts(dir.path() / "absent"), Error);
}

}  // namespace
}  // namespace isobatch::audit
