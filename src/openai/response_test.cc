#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

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
  const std::string record = response_record(line_of("a"), 10, std::vector{answer()}, kResponder);
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
  EXPECT_THAT(response_record(line_of("a"), 10, std::vector{answer()}, kResponder),
              StartsWith(R"({"id":"batch_req_)"));
}

TEST(Response, IdFollowsCustomIdAndDigest) {
  const auto id = [](const std::string& custom_id, const Result& result) {
    return Json::parse(response_record(line_of(custom_id), 10, std::vector{result}, kResponder))["id"]
        .get<std::string>();
  };
  Result other = answer();
  other.digest.low = 3;
  EXPECT_EQ(id("a", answer()), id("a", answer()));
  EXPECT_NE(id("a", answer()), id("b", answer()));
  EXPECT_NE(id("a", answer()), id("a", other));
}

TEST(Response, IdFollowsAllOfTheRecord) {
  BatchLine line = line_of("a");
  const auto id = [&] {
    return Json::parse(response_record(line, 10, std::vector{answer()}, kResponder))["id"].get<std::string>();
  };
  const std::string before = id();
  line.request.sampling.top_p = 0.5f;
  EXPECT_NE(id(), before);
}

TEST(Response, HoldsOptionsThatAreNotTheDefaults) {
  BatchLine line = line_of("a");
  line.request.max_tokens = 7;
  line.request.sampling.temperature = 0.9f;
  const Json json = Json::parse(response_record(line, 10, std::vector{answer()}, kResponder));
  EXPECT_EQ(json["response"]["body"]["isobatch"]["options"],
            Json::parse(R"({"max_tokens":7,"temperature":0.9})"));
}

TEST(Response, HoldsAllChoicesAndADigestOfTheirs) {
  BatchLine line = line_of("a");
  line.choices = 2;
  Result other = answer();
  other.text = "No";
  other.digest = {3, 4};
  const std::vector<Result> results = {answer(), other};
  const Json body = Json::parse(response_record(line, 10, results, kResponder))["response"]["body"];
  ASSERT_EQ(body["choices"].size(), 2u);
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["choices"][1]["message"]["content"], "No");
  EXPECT_EQ(body["usage"]["completion_tokens"], 6);
  const Json& receipt = body["isobatch"];
  EXPECT_EQ(receipt["choices"][0]["digest"], to_hex(answer().digest));
  EXPECT_EQ(receipt["choices"][1]["digest"], to_hex(other.digest));
  EXPECT_EQ(receipt["choices"][1]["token_ids"], Json({4, 5, 2}));
  EXPECT_EQ(receipt["digest"], to_hex(combine({answer().digest, other.digest})));
  EXPECT_EQ(combine({other.digest}), other.digest);
  EXPECT_NE(combine({answer().digest, other.digest}), combine({other.digest, answer().digest}));
}

TEST(Response, LogprobsHaveOpenAisForm) {
  BatchLine line = line_of("a");
  line.request.logprobs = true;
  line.request.top_logprobs = 2;
  Result result = answer();
  result.logprobs = {-0.1f, -std::numeric_limits<float>::infinity(), -3};
  result.top_logprobs = {{{4, -0.1f}, {6, -2.5f}}, {}, {{2, -3}}};
  Responder responder = kResponder;
  responder.token_bytes = [](TokenId token) { return token == 4 ? "a" : token == 6 ? "\xc3" : ""; };
  const Json json = Json::parse(response_record(line, 10, std::vector{result}, responder));
  const Json& content = json["response"]["body"]["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(content[0], Json::parse(R"({"token":"a","logprob":-0.1,"bytes":[97],"top_logprobs":[)"
                                    R"({"token":"a","logprob":-0.1,"bytes":[97]},)"
                                    R"({"token":"\ufffd","logprob":-2.5,"bytes":[195]}]})"));
  EXPECT_TRUE(content[1]["logprob"].is_null());
  EXPECT_EQ(content[2]["bytes"], Json::array());
}

TEST(Response, ModelNameNeedNotBeUtf8) {
  EXPECT_NO_THROW(Json::parse(response_record(line_of("a"), 1, std::vector{answer()}, {"\xff", "f"})));
}

TEST(Response, ErrorRecordNamesTheLine) {
  const Json json = Json::parse(error_record(line_of("a"), "prompt is missing", kResponder));
  EXPECT_EQ(json["custom_id"], "a");
  EXPECT_TRUE(json["response"].is_null());
  EXPECT_EQ(json["error"]["line"], 3);
  EXPECT_EQ(json["error"]["message"], "line 3: prompt is missing");
}

}  // namespace
}  // namespace isobatch::openai
