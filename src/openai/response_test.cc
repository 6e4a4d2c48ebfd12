#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

using ::testing::StartsWith;
using Json = nlohmann::json;

const Responder kResponder = {"Model", "isobatch-1-abc-def"};

BatchLine line_of(std::string custom_id) {
  BatchLine line;
  line.number = 3;
  line.custom_id = std::move(custom_id);
  return line;
}

Result answer() {
  Result result;
  result.tokens = {4, 5, 2};
  result.text = "Yes, \"é\"\n";
  result.finish_reason = FinishReason::stop;
  result.digest = {1, 2};
  return result;
}

TEST(Response, IsABatchResponseWithAChatCompletion) {
  const std::string record = response_record(line_of("a"), 10, answer(), kResponder);
  EXPECT_EQ(record.find('\n'), std::string::npos);
  const Json json = Json::parse(record);
  EXPECT_EQ(json["custom_id"], "a");
  EXPECT_TRUE(json["error"].is_null());
  EXPECT_EQ(json["response"]["status_code"], 200);
  const Json& body = json["response"]["body"];
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["created"], 0);
  EXPECT_EQ(body["model"], "Model");
  EXPECT_EQ(body["choices"][0]["message"]["content"], answer().text);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
  EXPECT_EQ(body["usage"]["total_tokens"], 13);
  EXPECT_EQ(body["system_fingerprint"], kResponder.fingerprint);
  EXPECT_EQ(body["isobatch"]["digest"], "00000000000000010000000000000002");
  EXPECT_EQ(body["isobatch"]["token_ids"], Json({4, 5, 2}));
}

TEST(Response, KeysKeepTheirOrder) {
  EXPECT_THAT(response_record(line_of("a"), 10, answer(), kResponder), StartsWith(R"({"id":"batch_req_)"));
}

TEST(Response, IdFollowsCustomIdAndDigest) {
  const auto id = [](const std::string& custom_id, const Result& result) {
    return Json::parse(response_record(line_of(custom_id), 10, result, kResponder))["id"].get<std::string>();
  };
  Result other = answer();
  other.digest.low = 3;
  EXPECT_EQ(id("a", answer()), id("a", answer()));
  EXPECT_NE(id("a", answer()), id("b", answer()));
  EXPECT_NE(id("a", answer()), id("a", other));
}

TEST(Response, ModelNameNeedNotBeUtf8) {
  EXPECT_NO_THROW(Json::parse(response_record(line_of("a"), 1, answer(), {"\xff", "f"})));
}

TEST(Response, ErrorRecordNamesTheLine) {
  const Json json = Json::parse(error_record(line_of("a"), "prompt is missing"));
  EXPECT_EQ(json["custom_id"], "a");
  EXPECT_TRUE(json["response"].is_null());
  EXPECT_EQ(json["error"]["line"], 3);
  EXPECT_EQ(json["error"]["message"], "line 3: prompt is missing");
}

}  // namespace
}  // namespace isobatch::openai
