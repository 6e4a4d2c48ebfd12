// Batch 64 is what it says: a decode step gives more than 48 rows to one call of the matrix product.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/invariance/counting_table.h"
#include "tests/invariance/generate.h"
#include "tests/support/random.h"

namespace isobatch::invariance {
namespace {

constexpr int kWide = 48;

// Runs the requests at batch 64 with a counting table. Some are compared with themselves alone.
void expect_wide(const TestModelPtr& model, const std::vector<Request>& requests) {
  Tuning tuning;
  tuning.max_batch = 64;
  engine::EngineHooks hooks;
  hooks.transformer = counting_transformer(model->model);
  hooks.kernels = &counting_table(*kernels::usable_tables().front());
  const auto engine = make_engine_with_hooks(model->model, tuning, hooks);
  std::size_t prompt_tokens = 0;
  for (const Request& request : requests) {
    engine->submit(request);
    prompt_tokens += request.prompt.size();
  }
  while (engine->step()) {
  }
  std::cout << model->name << ": " << requests.size() << " requests, " << prompt_tokens
            << " prompt tokens, widest decode step " << most_decode_rows() << " rows" << std::endl;
  EXPECT_GT(most_decode_rows(), kWide);
  EXPECT_EQ(static_cast<std::uint64_t>(most_decode_rows()), engine->stats().max_decode_rows);
  EXPECT_EQ(engine->stats().prefill_rows + engine->stats().prefix_hit_tokens, prompt_tokens);
  Harness harness;
  for (const auto& [id, result] : engine->take_finished()) {
    EXPECT_EQ(result.tokens.size(), static_cast<std::size_t>(requests[id].max_tokens)) << result.error;
    if (id % 16 != 0) continue;  // the rest is for the other tests
    EXPECT_EQ(difference(result, harness.alone(model, requests[id])), "");
  }
}

TEST(WideDecode, ARandomModelDecodesOver48RowsAtOnce) {
  test::Random random(5);
  std::vector<Request> requests(100);
  for (Request& request : requests) {
    for (std::uint64_t i = 1 + random.below(60); i > 0; --i) {
      request.prompt.push_back(static_cast<TokenId>(3 + random.below(280)));
    }
    request.max_tokens = static_cast<int>(4 + random.below(30));
    request.ignore_eos = true;
  }
  expect_wide(random_model("q4_1", DType::native, KvDType::bf16), requests);
  expect_wide(random_model("q4_1", DType::bf16, KvDType::bf16), requests);
}

TEST(WideDecode, TheQuestionsDecodeOver48RowsAtOnce) {
  const TestModelPtr model = default_model();
  if (!model) GTEST_SKIP() << "the default model's file is not in the cache";
  std::ifstream file(std::filesystem::path(ISOBATCH_SOURCE_DIR) / "prompts" / "yesno.jsonl");
  ASSERT_TRUE(file) << "prompts/yesno.jsonl";
  std::vector<Request> requests;
  std::set<std::vector<TokenId>> prompts;
  for (std::string line; std::getline(file, line);) {
    std::vector<ChatMessage> messages;
    const nlohmann::json question = nlohmann::json::parse(line);
    for (const auto& message : question.at("messages")) {
      messages.push_back({message.at("role"), message.at("content")});
    }
    Request& request = requests.emplace_back();
    request.prompt = model->model->apply_chat_template(messages);
    request.max_tokens = 6;
    request.ignore_eos = true;
    prompts.insert(request.prompt);
  }
  EXPECT_EQ(prompts.size(), requests.size()) << "questions that are the same to the model";
  // The shortest 64: the width is what matters here.
  std::ranges::sort(requests, {}, [](const Request& r) { return r.prompt.size(); });
  ASSERT_GE(requests.size(), 64u);
  requests.resize(64);
  expect_wide(model, requests);
}

}  // namespace
}  // namespace isobatch::invariance
