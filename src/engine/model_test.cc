// Model and Engine on small random GGUF files: from the file to the digests.
#include "isobatch/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/engine_test_support.h"
#include "engine/file_hash.h"
#include "isobatch/error.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::engine {
namespace {

struct ModelTest : testing::Test {
  test::TempDir directory;
  std::filesystem::path path = directory / "model.gguf";

  ModelTest() { test::write_random_model(path, {}); }

  static ErrorCode code(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    throw std::logic_error("no error");
  }
};

TEST_F(ModelTest, ResolvesWhatTheFileSays) {
  const auto model = Model::load(path, {});
  EXPECT_EQ(model->info().path, path);
  EXPECT_FALSE(model->info().name.empty());
  EXPECT_EQ(model->info().vocab_size, 288);
  EXPECT_TRUE(model->info().has_chat_template);
  EXPECT_EQ(model->semantics().context, 256);
  EXPECT_EQ(model->semantics().kv_dtype, KvDType::bf16);
  EXPECT_EQ(Model::load(path, {.dtype = DType::f32})->semantics().kv_dtype, KvDType::f32);
  EXPECT_EQ(Model::load(path, {.dtype = DType::bf16})->semantics().kv_dtype, KvDType::bf16);
}

TEST_F(ModelTest, TokenizesAndDecodes) {
  const auto model = Model::load(path, {});
  EXPECT_EQ(model->decode(model->tokenize("a b\u00e9")), "a b\u00e9");
  EXPECT_EQ(code([&] { model->tokenize("\xff"); }), ErrorCode::invalid_argument);
  const ChatMessage message{"user", "hello"};
  EXPECT_THAT(model->decode(model->apply_chat_template({&message, 1})), testing::HasSubstr("hello"));
}

TEST_F(ModelTest, TheFingerprintNamesFileContractAndSemantics) {
  const auto model = Model::load(path, {.context = 100});
  EXPECT_EQ(model->fingerprint(), "isobatch-1-" + sha256_of_file(path).substr(0, 16) + "-native-bf16-100");
  EXPECT_EQ(Model::load(path, {.dtype = DType::f32})->fingerprint(),
            "isobatch-1-" + sha256_of_file(path).substr(0, 16) + "-f32-f32-256");
  EXPECT_EQ(Model::load(path, {.dtype = DType::bf16})->fingerprint(),
            "isobatch-1-" + sha256_of_file(path).substr(0, 16) + "-bf16-bf16-256");
}

TEST_F(ModelTest, TheFingerprintRefusesAFileThatHasChanged) {
  const auto model = Model::load(path, {});
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_EQ(code([&] { model->fingerprint(); }), ErrorCode::io);
}

TEST_F(ModelTest, AMissingFile) {
  EXPECT_EQ(code([&] { Model::load(directory / "none.gguf", {}); }), ErrorCode::not_found);
}

TEST_F(ModelTest, ABatchGivesTheDigestsOfEachAlone) {
  const auto model = Model::load(path, {});
  std::vector<Request> requests(9);
  std::vector<Result> alone;
  for (int i = 0; i < 9; ++i) {
    requests[i].prompt = model->tokenize(std::string(10 + 7 * i, 'a' + i % 3));
    requests[i].max_tokens = 6 + i;
    requests[i].ignore_eos = true;
    requests[i].sampling.temperature = i % 2;
    alone.push_back(run_alone(model, requests[i], {}));
  }
  for (const int rows : {5, 512}) {
    for (const bool kv_cache : {true, false}) {
      Tuning tuning;
      tuning.threads = 3;
      tuning.max_step_rows = rows;
      tuning.kv_cache = kv_cache;
      Engine engine(model, tuning);
      for (const Request& request : requests) engine.submit(request);
      const std::vector<Result> results = run_all(engine);
      ASSERT_EQ(results.size(), alone.size());
      for (int i = 0; i < 9; ++i)
        EXPECT_TRUE(same(results[i], alone[i])) << i << " " << rows << " " << kv_cache;
    }
  }
}

}  // namespace
}  // namespace isobatch::engine
