// isobatch batch on a small random model: the same bytes however it is run, and an error record for a bad
// line.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/cli/cli.h"
#include "tests/support/random.h"

namespace isobatch::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class BatchCommand : public ::testing::Test {
 protected:
  // The output file's text; expects the exit code.
  std::string batch(const std::string& input, std::vector<std::string> options = {}, int exit_code = 0) {
    write_text(folder_.at("in.jsonl"), input);
    std::vector<std::string> arguments = {
        "batch", folder_.at("in.jsonl"), "-o",           folder_.at("out.jsonl"),
        "-m",    folder_.model(),        "--max-tokens", "12"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    last_ = run_cli(arguments);
    EXPECT_EQ(last_.exit_code, exit_code) << last_.err;
    return read_text(folder_.at("out.jsonl"));
  }

  // The error message of the only line.
  std::string error_of(const std::string& line) {
    const auto lines = lines_of(batch(line + "\n", {}, 1));
    EXPECT_EQ(lines.size(), 1u);
    if (lines.size() != 1) return "";
    const Json json = Json::parse(lines[0]);
    EXPECT_TRUE(json["response"].is_null());
    EXPECT_EQ(json["error"]["line"], 1);
    return json["error"]["message"];
  }

  Json body_of(const std::string& line, const std::vector<std::string>& options = {}) {
    return Json::parse(batch(line + "\n", options))["response"]["body"];
  }

  CliFolder folder_;
  Outcome last_;
};

// Lines of all forms, of many lengths, some sampled, some that share a prefix.
std::string mixed_lines() {
  Random random(7);
  std::string text;
  for (int i = 0; i < 40; ++i) {
    Json line;
    const int length = 1 + int(random.below(90));
    if (i % 4 == 0) {
      for (int k = 0; k < length; ++k) line["input_ids"].push_back(3 + random.below(256));
      line["input_ids"].insert(line["input_ids"].begin(), i % 5, 0);
      line["attention_mask"] = std::vector<int>(length, 1);
      line["attention_mask"].insert(line["attention_mask"].begin(), i % 5, 0);
    } else if (i % 4 == 1) {
      line["prompt"] = std::string(40, 'a') + std::string(length, char('a' + random.below(26)));
      line["repetition_penalty"] = 1.1;
      line["min_tokens"] = i % 12;
      line["logit_bias"] = {{"40", 1.5}, {"97", -100}};
    } else if (i % 4 == 2) {
      line["messages"] =
          Json::array({{{"role", "user"}, {"content", fmt::format("question {:x<{}}", "", length)}}});
      line["temperature"] = 0.9;
      line["seed"] = i;
      line["n"] = 1 + i % 3;
      line["frequency_penalty"] = 0.2;
      if (i % 8 == 2) line["logprobs"] = true, line["top_logprobs"] = 3;
    } else {
      line = {
          {"custom_id", fmt::format("w{}", i)},
          {"method", "POST"},
          {"url", "/v1/completions"},
          {"body", {{"prompt", std::string(length, 'z')}, {"max_tokens", 1 + i % 20}, {"ignore_eos", true}}}};
    }
    text += line.dump() + "\n";
  }
  return text;
}

TEST_F(BatchCommand, OutputIsTheSameBytesHoweverItIsRun) {
  const std::string input = mixed_lines();
  const std::string expected = batch(input, {"--batch-size", "1", "--threads", "1"});
  ASSERT_EQ(lines_of(expected).size(), 40u);
  const std::vector<std::vector<std::string>> ways = {
      {"--batch-size", "4"},
      {"--batch-size", "16", "--threads", "2"},
      {"--batch-size", "64", "--threads", "3"},
      {"--batch-size", "64", "--kernels", "ref"},
      {"--chunk", "7"},
      {"--speculate", "4"},
      {"--page-size", "64"},
      {"--no-prefix-cache"},
      {"--no-kv-cache", "--batch-size", "8"},
      {"--batch-size", "16", "--kv-memory", "512K"},
  };
  for (const auto& way : ways) EXPECT_EQ(batch(input, way), expected) << ::testing::PrintToString(way);
}

TEST_F(BatchCommand, OutputIsTheSameBytesOnEveryTable) {
  const std::string input = mixed_lines();
  const std::string expected = batch(input);
  const Json info = Json::parse(run_cli({"info", "--json"}).out);
  for (const Json& table : info["tables"]) {
    if (!table["usable"]) continue;
    EXPECT_EQ(batch(input, {"--kernels", table["name"]}), expected) << table["name"];
  }
}

TEST_F(BatchCommand, AnswersInInputOrderAndSkipsBlankLines) {
  const auto lines = lines_of(
      batch("{\"prompt\":\"long\",\"max_tokens\":30}\r\n\n  \n{\"prompt\":\"short\",\"max_tokens\":1}\n"
            "{\"custom_id\":\"c\",\"prompt\":\"x\"}"));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(Json::parse(lines[0])["custom_id"], "line-1");
  EXPECT_EQ(Json::parse(lines[1])["custom_id"], "line-4");
  EXPECT_EQ(Json::parse(lines[2])["custom_id"], "c");
}

TEST_F(BatchCommand, GoesOnAfterBadLines) {
  const auto lines =
      lines_of(batch("{\"prompt\":\"a\",\"ignore_eos\":true}\nnonsense\n"
                     "{\"custom_id\":\"q\",\"prompt\":\"b\",\"ignore_eos\":true}\n"
                     "{\"custom_id\":\"q\",\"prompt\":\"c\"}\n{\"prompt\":\"\xff\"}\n",
                     {}, 1));
  ASSERT_EQ(lines.size(), 5u);
  const std::vector<bool> failed = {false, true, false, true, true};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(!Json::parse(lines[i])["error"].is_null(), failed[i]) << lines[i];
  EXPECT_THAT(lines[1], HasSubstr("line 2: not valid JSON"));
  EXPECT_THAT(lines[3], HasSubstr("custom_id"));
  EXPECT_THAT(lines[4], HasSubstr("UTF-8"));
  EXPECT_THAT(last_.err, HasSubstr("2 answered, 3 failed"));
  // The rate counts answers, with twelve new tokens in each.
  std::smatch rates;
  ASSERT_TRUE(std::regex_search(last_.err, rates, std::regex("([0-9.]+) answers/s, ([0-9.]+) new tokens/s")));
  EXPECT_NEAR(std::stod(rates[2]) / std::stod(rates[1]), 12, 0.1);
}

TEST_F(BatchCommand, RefusesRequestsThatCannotRun) {
  EXPECT_THAT(error_of(R"({"prompt":"a","tools":[{"type":"function"}]})"), HasSubstr("tools"));
  EXPECT_THAT(error_of(R"({"prompt":"a","response_format":{"type":"grammar"}})"),
              HasSubstr("response_format.type: expected text, json_object"));
  EXPECT_THAT(error_of(R"({"prompt":"a","logit_bias":{"99999":1}})"), HasSubstr("logit_bias"));
  EXPECT_THAT(error_of(R"({"prompt":"a","min_tokens":13})"), HasSubstr("min_tokens"));
  EXPECT_THAT(error_of(R"({"method":"POST","url":"/v1/embeddings","body":{"input":"a"}})"), HasSubstr("url"));
  EXPECT_THAT(error_of(R"({"input_ids":[99999]})"), HasSubstr("99999"));
  EXPECT_THAT(error_of(R"({"prompt":")" + std::string(2000, 'q') + R"("})"), HasSubstr("context"));
  EXPECT_THAT(error_of(R"({"prompt":""})"), HasSubstr("prompt"));
}

TEST_F(BatchCommand, PaddingIsStripped) {
  const auto answer = [this](const std::string& line) { return body_of(line)["isobatch"]; };
  const Json expected = answer(R"({"input_ids":[40,50,60]})");
  EXPECT_EQ(answer(R"({"input_ids":[2,2,40,50,60],"attention_mask":[0,0,1,1,1]})"), expected);
  EXPECT_EQ(answer(R"({"input_ids":[40,50,60,-1,70],"attention_mask":[1,1,1,0,0]})"), expected);
}

TEST_F(BatchCommand, EndsAtTheContext) {
  const Json body = body_of(R"({"prompt":"hello","max_tokens":1000,"ignore_eos":true})");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_LE(body["usage"]["total_tokens"], 257);  // the last token needs no position
  EXPECT_GE(body["usage"]["total_tokens"], 256);
}

TEST_F(BatchCommand, BodyOverridesFlags) {
  const Json body = body_of(R"({"prompt":"hello","max_completion_tokens":2,"ignore_eos":true})");
  EXPECT_EQ(body["usage"]["completion_tokens"], 2);
  EXPECT_EQ(body["isobatch"]["token_ids"].size(), 2u);
}

TEST_F(BatchCommand, SeedDecidesTheSample) {
  const auto tokens = [this](int seed) {
    return body_of(R"({"prompt":"hello","temperature":1.5,"ignore_eos":true,"seed":)" + std::to_string(seed) +
                   "}")["isobatch"]["token_ids"];
  };
  EXPECT_EQ(tokens(1), tokens(1));
  EXPECT_NE(tokens(1), tokens(2));
}

TEST_F(BatchCommand, EachChoiceIsKeyedByItsIndex) {
  const auto choices = [this](int n) {
    return body_of(fmt::format(R"({{"prompt":"hello","temperature":1.5,"ignore_eos":true,"n":{}}})", n));
  };
  const Json three = choices(3);
  const Json one = choices(1);
  ASSERT_EQ(three["choices"].size(), 3u);
  EXPECT_EQ(three["isobatch"]["choices"][0]["token_ids"], one["isobatch"]["token_ids"]);
  EXPECT_EQ(three["isobatch"]["choices"][0]["digest"], one["isobatch"]["digest"]);
  EXPECT_NE(three["isobatch"]["choices"][1]["token_ids"], one["isobatch"]["token_ids"]);
  EXPECT_NE(three["isobatch"]["choices"][1]["token_ids"], three["isobatch"]["choices"][2]["token_ids"]);
  EXPECT_EQ(three["usage"]["completion_tokens"], 36);
  EXPECT_EQ(body_of(R"({"prompt":"hello","temperature":1.5,"ignore_eos":true})", {"-n", "3"})["choices"],
            three["choices"]);
}

TEST_F(BatchCommand, FlagsAndFieldsSayTheSame) {
  const std::string plain = R"({"prompt":"hello"})";
  const Json by_field = body_of(
      R"({"prompt":"hello","presence_penalty":1,"frequency_penalty":0.5,"repetition_penalty":1.2,"min_tokens":4,)"
      R"("logit_bias":{"50":2.5,"97":-100},"logprobs":true,"top_logprobs":2})");
  const Json by_flag = body_of(
      plain, {"--presence-penalty", "1", "--frequency-penalty", "0.5", "--repetition-penalty", "1.2",
              "--min-tokens", "4", "--logit-bias", "97:-100", "--logit-bias", "50:2.5", "--logprobs", "2"});
  EXPECT_EQ(by_flag, by_field);
  EXPECT_NE(by_flag["isobatch"]["token_ids"], body_of(plain)["isobatch"]["token_ids"]);
  const Json& content = by_flag["choices"][0]["logprobs"]["content"];
  EXPECT_EQ(content.size(), by_flag["isobatch"]["token_ids"].size());
  EXPECT_EQ(content[0]["top_logprobs"].size(), 2u);
  EXPECT_LE(content[0]["logprob"], content[0]["top_logprobs"][0]["logprob"]);
}

TEST_F(BatchCommand, SystemFingerprintFollowsSemanticsOnly) {
  const std::string line = R"({"prompt":"hello"})";
  const Json fingerprint = body_of(line)["system_fingerprint"];
  EXPECT_EQ(body_of(line, {"--threads", "2", "--batch-size", "3"})["system_fingerprint"], fingerprint);
  EXPECT_NE(body_of(line, {"--dtype", "f32"})["system_fingerprint"], fingerprint);
  EXPECT_NE(body_of(line, {"--dtype", "bf16"})["system_fingerprint"], fingerprint);
  EXPECT_NE(body_of(line, {"--kv-dtype", "f16"})["system_fingerprint"], fingerprint);
}

TEST_F(BatchCommand, LeavesNothingHalfWritten) {
  const std::string before = "kept\n";
  write_text(folder_.at("out.jsonl"), before);
  write_text(folder_.at("broken.gguf"), read_text(folder_.model()).substr(0, 3000));
  write_text(folder_.at("in.jsonl"), "{\"prompt\":\"a\"}\n");
  const auto files = files_in(folder_.path());
  const auto expect_refused = [&](const std::string& input, const std::string& output,
                                  const std::string& model) {
    const Outcome outcome = run_cli({"batch", input, "-o", output, "-m", model});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  };
  expect_refused(folder_.at("missing.jsonl"), folder_.at("out.jsonl"), folder_.model());
  expect_refused(folder_.at("in.jsonl"), folder_.at("in.jsonl"), folder_.model());
  expect_refused(folder_.at("in.jsonl"), folder_.at("nowhere/out.jsonl"), folder_.model());
  expect_refused(folder_.at("in.jsonl"), folder_.path(), folder_.model());
  expect_refused(folder_.at("in.jsonl"), folder_.at("out.jsonl"), folder_.at("broken.gguf"));
  expect_refused(folder_.at("in.jsonl"), folder_.at("out.jsonl"), folder_.at("missing.gguf"));
  EXPECT_EQ(files_in(folder_.path()), files);
  EXPECT_EQ(read_text(folder_.at("out.jsonl")), before);
}

TEST_F(BatchCommand, NoProgressBarInAPipe) {
  batch(mixed_lines());
  EXPECT_EQ(last_.out, "");
  EXPECT_EQ(lines_of(last_.err).size(), 1u) << last_.err;
  EXPECT_EQ(last_.err.find_first_of("\r\033"), std::string::npos);
}

}  // namespace
}  // namespace isobatch::test
