#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

BatchLine line() {
  BatchLine line = parse_batch_line(R"({"custom_id":"a","prompt":"p","temperature":0.7,"n":2})", 3, {});
  EXPECT_EQ(line.error, "");
  return line;
}

std::string record() {
  Result result;
  result.tokens = {4, 5, 2};
  result.text = "Yes";
  result.finish_reason = FinishReason::stop;
  result.digest = {1, 2};
  return response_record(line(), 10, std::vector{result, result},
                         {"Model", "isobatch-1-abc-native-bf16-64", {}, true});
}

TEST(Receipt, SaysWhatWasAsked) {
  const Receipt receipt = read_receipt(record());
  ASSERT_EQ(receipt.error, "");
  EXPECT_EQ(receipt.custom_id, "a");
  EXPECT_EQ(receipt.fingerprint, "isobatch-1-abc-native-bf16-64");
  EXPECT_EQ(receipt.request.sampling.temperature, 0.7f);
  EXPECT_EQ(receipt.choices, 2);
  EXPECT_TRUE(receipt.raw);
  EXPECT_FALSE(receipt.error_line);
}

TEST(Receipt, ErrorRecordsHaveTheirLineAndOptions) {
  const Receipt receipt =
      read_receipt(error_record(line(), "no", {"Model", "f", {}, false, R"({"max_tokens":5})"}));
  ASSERT_EQ(receipt.error, "");
  EXPECT_EQ(receipt.error_line, 3u);
  EXPECT_EQ(receipt.request.max_tokens, 5);
}

TEST(Receipt, AnyChangeIsFound) {
  const auto changed = [](const std::string& pointer, const Json& value) {
    Json json = Json::parse(record());
    json[Json::json_pointer(pointer)] = value;
    return read_receipt(json.dump()).error;
  };
  const std::string body = "/response/body";
  for (const auto& [pointer, value] : std::vector<std::pair<std::string, Json>>{
           {body + "/choices/0/message/content", "No"},
           {body + "/choices/1/finish_reason", "length"},
           {body + "/usage/completion_tokens", 7},
           {body + "/system_fingerprint", "isobatch-1-abd-native-bf16-64"},
           {body + "/isobatch/digest", "00"},
           {body + "/isobatch/choices/0/token_ids/1", 6},
           {body + "/isobatch/options/temperature", 0.8},
           {body + "/isobatch/raw", false},
           {body + "/id", "x"},
           {"/response/request_id", "x"},
           {"/custom_id", "b"},
           {"/id", "x"}}) {
    EXPECT_THAT(changed(pointer, value), HasSubstr("does not fit")) << pointer;
  }
}

TEST(Receipt, OtherLinesAreNone) {
  for (const char* text :
       {"", "nonsense", "[]", "{}", R"({"custom_id":"a"})", R"({"custom_id":5})",
        R"({"custom_id":"a","response":{},"error":null})",
        R"({"custom_id":"a","response":null,"error":{"line":0}})",
        R"({"custom_id":"a","response":{"body":{"system_fingerprint":"f","isobatch":[]}}})",
        R"({"custom_id":"a","response":null,"error":{"line":1}})"}) {
    EXPECT_NE(read_receipt(text).error, "") << text;
  }
}

TEST(RecordDifference, NamesTheFirstPlace) {
  EXPECT_EQ(record_difference(record(), record()), "");
  Json json = Json::parse(record());
  json["response"]["body"]["choices"][1]["message"]["content"] = "No";
  json["response"]["body"]["id"] = "other";
  EXPECT_EQ(record_difference(json.dump(), record()),
            R"(response.body.choices[1].message.content: is "No", computed again it is "Yes")");
  json = Json::parse(record());
  json["id"] = "other";
  EXPECT_THAT(record_difference(json.dump(), record()), HasSubstr("id: is \"other\""));
  json = Json::parse(record());
  json["more"] = 1;
  EXPECT_EQ(record_difference(json.dump(), record()), "more: is 1, computed again it is null");
}

}  // namespace
}  // namespace isobatch::openai
