// isobatch verify: an honest output holds at any batch size, and whatever is changed in it is found.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <xxhash.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"

namespace isobatch::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::string questions() {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    Json line = {{"custom_id", fmt::format("q{}", i)}, {"prompt", fmt::format("question {}", i)}};
    if (i % 3 == 1) line["temperature"] = 0.8, line["seed"] = i;
    if (i == 4) line["n"] = 3;
    if (i == 5) line["logprobs"] = true, line["top_logprobs"] = 2;
    if (i == 6) line["prompt"] = "";
    if (i == 7) line["custom_id"] = "q3";
    text += line.dump() + "\n" + (i == 2 ? "\n" : "");
  }
  return text + "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n";
}

// The ids of an edited record, made to fit again, as a careful forger would.
void fit_ids(Json& record) {
  Json& body = record["response"]["body"];
  body["id"] = "";
  const std::string content = body.dump(), custom_id = record["custom_id"];
  const std::string key = fmt::format("{}:{}{}", custom_id.size(), custom_id, content);
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  const std::string id = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  body["id"] = "chatcmpl-" + id;
  record["id"] = "batch_req_" + id;
  record["response"]["request_id"] = "req_" + id;
}

class Verify : public ::testing::Test {
 protected:
  Verify() {
    write_text(in(), questions());
    // Options that no line names, and lines that fail because of them.
    const Outcome outcome =
        run_cli({"batch", in(), "-o", out(), "-m", folder_.model(), "--max-tokens", "9", "--raw", "--context",
                 "200", "--kv-dtype", "f16", "--frequency-penalty", "0.3"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    honest_ = lines_of(read_text(out()));
    EXPECT_EQ(honest_.size(), 13u);
  }
  Outcome verify(std::vector<std::string> options = {}) {
    std::vector<std::string> arguments = {"verify", out(), in(), "-m", folder_.model()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_cli(arguments);
  }
  // What is said when line `i` of the output is edited.
  std::string after_edit(std::size_t i, const std::function<void(Json&)>& edit, bool forge) {
    std::string text;
    for (std::size_t k = 0; k < honest_.size(); ++k) {
      Json record = Json::parse(honest_[k]);
      if (k == i) edit(record);
      if (k == i && forge) fit_ids(record);
      text += record.dump() + "\n";
    }
    write_text(out(), text);
    const Outcome outcome = verify({"--batch-size", "5"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    const auto lines = lines_of(outcome.out);
    EXPECT_EQ(lines.size(), 2u) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("12 hold, 1 do not"));
    return lines.empty() ? "" : lines[0];
  }
  std::string in() const { return folder_.at("in.jsonl"); }
  std::string out() const { return folder_.at("out.jsonl"); }

  CliFolder folder_;
  std::vector<std::string> honest_;
};

TEST_F(Verify, AnHonestOutputHolds) {
  for (const char* size : {"1", "4", "64"}) {
    const Outcome outcome = verify({"--batch-size", size});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out, "13 records, 13 computed again: 13 hold, 0 do not; 0 lines have none\n");
  }
  const Json json = Json::parse(verify({"--json"}).out);
  EXPECT_EQ(json["hold"], 13);
  EXPECT_EQ(json["wrong"], Json::array());
}

TEST_F(Verify, OrderDoesNotMatter) {
  std::string text;
  for (auto it = honest_.rbegin(); it != honest_.rend(); ++it) text += *it + "\n";
  write_text(out(), text);
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(Verify, ASampleIsComputedAgain) {
  const Json none = Json::parse(verify({"--json", "--sample", "0%"}).out);
  EXPECT_EQ(none["records"], 13);
  EXPECT_EQ(none["recomputed"], 0);
  const Json some = Json::parse(verify({"--json", "--sample", "50%"}).out);
  EXPECT_GT(some["recomputed"], 0);
  EXPECT_LT(some["recomputed"], 13);
  EXPECT_EQ(verify({"--json", "--sample", "0.5"}).out, some.dump(2) + "\n");
  EXPECT_EQ(verify({"--sample", "101%"}).exit_code, 2);
}

TEST_F(Verify, AChangeIsFound) {
  const auto body = [](Json& record) -> Json& { return record["response"]["body"]; };
  for (const bool forge : {false, true}) {
    const auto said = [&](std::size_t i, const std::function<void(Json&)>& edit, const std::string& what) {
      EXPECT_THAT(after_edit(i, edit, forge), HasSubstr(forge ? what : "does not fit")) << what;
    };
    said(
        0, [&](Json& r) { body(r)["choices"][0]["message"]["content"] = "No"; }, "content");
    said(
        1, [&](Json& r) { body(r)["isobatch"]["token_ids"][2] = 77; }, "token_ids[2]");
    said(
        4, [&](Json& r) { body(r)["isobatch"]["choices"][1]["token_ids"][0] = 77; },
        "choices[1].token_ids[0]");
    said(
        2, [&](Json& r) { body(r)["isobatch"]["digest"] = std::string(32, '0'); }, "digest");
    said(
        5, [&](Json& r) { body(r)["choices"][0]["logprobs"]["content"][0]["logprob"] = -0.5; }, "logprob");
    said(
        3, [&](Json& r) { body(r)["system_fingerprint"] = "isobatch-1-0123456789abcdef-native-f16-200"; },
        "system_fingerprint");
    said(
        0, [&](Json& r) { body(r)["isobatch"]["options"]["max_tokens"] = 4; }, "computed again");
    said(
        0, [&](Json& r) { body(r)["isobatch"]["options"]["temperature"] = 1.5; }, "computed again");
  }
}

TEST_F(Verify, AnotherModelIsFound) {
  RandomModelOptions options;
  options.seed = 99;
  write_random_model(folder_.model(), options);
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("system_fingerprint"));
}

TEST_F(Verify, AnotherInputIsFound) {
  std::string input = questions();
  input.replace(input.find("question 8"), 10, "question !");
  write_text(in(), input + "{\"prompt\":\"more\"}\n");
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("line 9 (q8): response.body"));
  EXPECT_THAT(outcome.out, HasSubstr("line 15 of the input has no record"));
  EXPECT_THAT(outcome.out, HasSubstr("12 hold, 1 do not; 1 lines have none"));
}

TEST_F(Verify, RecordsThatAreTwiceOrOfNoLineAreFound) {
  std::string text;
  for (const std::string& line : honest_) text += line + "\n";
  write_text(out(), text + honest_[0] + "\nnonsense\n");
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("line 14 (q0): line 1 of the input has a record already"));
  EXPECT_THAT(outcome.out, HasSubstr("line 15: not valid JSON"));
}

TEST_F(Verify, RecordsOfScoreHoldAndChangesAreFound) {
  write_text(
      in(),
      "{\"context\":\"a\",\"continuations\":[\"b\",\"cd\"]}\n{\"text\":\"hello\"}\n{\"text\":\"\"}\n"
      "{\"custom_id\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"continuation\":\"y\"}\n");
  for (const bool tokens : {false, true}) {
    std::vector<std::string> arguments = {"score",         in(),         "-o", out(), "-m",
                                          folder_.model(), "--kv-dtype", "f16"};
    if (tokens) arguments.push_back("--tokens");
    EXPECT_EQ(run_cli(arguments).exit_code, 1);  // one line is empty
    const auto records = lines_of(read_text(out()));
    ASSERT_EQ(records.size(), 4u);
    EXPECT_EQ(verify({"--batch-size", "2"}).out,
              "4 records, 4 computed again: 4 hold, 0 do not; 0 lines have none\n");

    Json forged = Json::parse(records[1]);
    forged["score"]["logprob"] = -1.5;
    for (const bool careful : {false, true}) {
      if (careful) {
        forged["id"] = "";
        const std::string content = forged.dump(), custom_id = forged["custom_id"];
        const std::string key = fmt::format("{}:{}{}", custom_id.size(), custom_id, content);
        const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
        forged["id"] = fmt::format("score-{:016x}{:016x}", hash.high64, hash.low64);
      }
      write_text(out(), records[0] + "\n" + forged.dump() + "\n" + records[2] + "\n" + records[3] + "\n");
      const Outcome outcome =
          verify(careful ? std::vector<std::string>{} : std::vector<std::string>{"--sample", "0%"});
      EXPECT_EQ(outcome.exit_code, 1);
      EXPECT_THAT(outcome.out,
                  HasSubstr(careful ? "line 2 (line-2): score.logprob: is -1.5" : "does not fit"));
      EXPECT_THAT(outcome.out, HasSubstr("3 hold, 1 do not"));
    }
  }
}

TEST_F(Verify, BadUseIsExitCode2) {
  EXPECT_EQ(run_cli({"verify", folder_.at("none.jsonl"), in(), "-m", folder_.model()}).exit_code, 2);
  EXPECT_EQ(run_cli({"verify", out(), folder_.at("none.jsonl"), "-m", folder_.model()}).exit_code, 2);
  EXPECT_EQ(run_cli({"verify", out()}).exit_code, 2);
}

}  // namespace
}  // namespace isobatch::test
