// Answers that must match a schema or a regular expression, from the command line to the record.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "tests/cli/cli.h"
#include "tests/grammar/schemas.h"
#include "tests/grammar/validate.h"

namespace isobatch::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

class ConstraintCommand : public ::testing::Test {
 protected:
  std::string in() const { return folder_.at("in.jsonl"); }
  std::string out() const { return folder_.at("out.jsonl"); }
  CliFolder folder_;
};

// A model of random weights wanders; what it says is valid all the same, unless it is cut short.
TEST_F(ConstraintCommand, AnswersAreValidInAnyBatchAndHold) {
  std::string input;
  std::vector<const char*> schemas;
  for (const char* schema : kSchemas) {
    for (const int seed : {0, 1}) {
      Json line = {{"prompt", "go"}, {"max_tokens", 150}, {"temperature", seed * 0.7}, {"seed", seed}};
      line["response_format"] = {{"type", "json_schema"},
                                 {"json_schema", {{"name", "n"}, {"schema", Json::parse(schema)}}}};
      input += line.dump() + "\n";
      schemas.push_back(schema);
    }
  }
  input += R"({"prompt":"go","n":3,"temperature":1,"max_tokens":40,"guided_regex":"[ab]{2,6}(-\\d{2}){1,3}"})"
           "\n";
  write_text(in(), input);
  const Outcome batch = run_cli({"batch", in(), "-o", out(), "-m", folder_.model(), "--speculate", "4"});
  ASSERT_EQ(batch.exit_code, 0) << batch.err;
  const auto records = lines_of(read_text(out()));
  ASSERT_EQ(records.size(), schemas.size() + 1);
  std::size_t whole = 0;
  for (std::size_t i = 0; i < schemas.size(); ++i) {
    const Json choice = Json::parse(records[i])["response"]["body"]["choices"][0];
    if (choice["finish_reason"] != "stop") continue;
    ++whole;
    const auto schema = nlohmann::json::parse(schemas[i]);
    const auto value = nlohmann::json::parse(choice["message"]["content"].get<std::string>(), nullptr, false);
    ASSERT_FALSE(value.is_discarded()) << choice;
    EXPECT_EQ(invalid_part(value, schema, schema), "") << choice;
  }
  EXPECT_GT(whole, schemas.size() / 2);
  const Json last = Json::parse(records.back())["response"]["body"]["choices"];
  for (const Json& choice : last) {
    EXPECT_TRUE(std::regex_match(choice["message"]["content"].get<std::string>(),
                                 std::regex("[ab]{2,6}(-\\d{2}){1,3}")))
        << choice;
  }

  const Outcome verified = run_cli({"verify", out(), in(), "-m", folder_.model(), "--batch-size", "3"});
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  const std::string other = folder_.at("other.jsonl");
  const Outcome slowly = run_cli({"batch", in(), "-o", other, "-m", folder_.model(), "--batch-size", "1",
                                  "--chunk", "5", "--threads", "1", "--no-prefix-cache"});
  ASSERT_EQ(slowly.exit_code, 0) << slowly.err;
  EXPECT_TRUE(read_text(other) == read_text(out()));
}

TEST_F(ConstraintCommand, OptionsAreDefaultsOfLinesAndStandInTheRecord) {
  write_text(in(), "{\"prompt\":\"a\"}\n{\"prompt\":\"a\",\"guided_choice\":[\"yes\",\"no\"]}\n");
  ASSERT_EQ(run_cli({"batch", in(), "-o", out(), "-m", folder_.model(), "--regex", "x{3}"}).exit_code, 0);
  const auto records = lines_of(read_text(out()));
  EXPECT_THAT(records.at(0), HasSubstr(R"("content":"xxx")"));
  EXPECT_THAT(records.at(0), HasSubstr(R"("structured_outputs":{"regex":"x{3}"})"));
  EXPECT_THAT(records.at(1),
              ::testing::AnyOf(HasSubstr(R"("content":"yes")"), HasSubstr(R"("content":"no")")));
  EXPECT_EQ(run_cli({"verify", out(), in(), "-m", folder_.model()}).exit_code, 0);
}

TEST_F(ConstraintCommand, ASchemaComesAsTextOrFile) {
  const std::string schema = R"({"type":"array","items":{"enum":[1,2]},"minItems":2,"maxItems":2})";
  write_text(folder_.at("schema.json"), schema);
  const Outcome text = run_cli({"generate", "-p", "a", "-m", folder_.model(), "--json-schema", schema});
  const Outcome file =
      run_cli({"generate", "-p", "a", "-m", folder_.model(), "--json-schema", folder_.at("schema.json")});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out, file.out);
  EXPECT_EQ(nlohmann::json::parse(text.out).size(), 2u);
}

TEST_F(ConstraintCommand, WhatCannotBeKeptToIsAnError) {
  write_text(in(),
             "{\"prompt\":\"a\",\"guided_json\":{\"not\":{}}}\n{\"prompt\":\"a\",\"guided_regex\":\"(a\"}\n");
  EXPECT_EQ(run_cli({"batch", in(), "-o", out(), "-m", folder_.model()}).exit_code, 1);
  const auto records = lines_of(read_text(out()));
  EXPECT_THAT(records.at(0), HasSubstr("line 1: schema: $: not: not supported"));
  EXPECT_THAT(records.at(1), HasSubstr("line 2: regex: regular expression: expected ) at byte 2"));
  EXPECT_EQ(run_cli({"generate", "-p", "a", "-m", folder_.model(), "--regex", "(a"}).exit_code, 2);
  EXPECT_EQ(run_cli({"generate", "-p", "a", "-m", folder_.model(), "--json-schema", "/none"}).exit_code, 2);
  EXPECT_EQ(run_cli({"generate", "-p", "a", "-m", folder_.model(), "--json-schema", "{}", "--regex", "a"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace isobatch::test
