// What a user meets at the shell: exit codes, one-line errors, and the subcommands other than batch.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "isobatch/options.h"
#include "tests/cli/cli.h"

namespace isobatch::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

void expect_bad_use(const std::vector<std::string>& arguments, const std::string& message) {
  const Outcome outcome = run_cli(arguments);
  EXPECT_EQ(outcome.exit_code, 2) << ::testing::PrintToString(arguments);
  EXPECT_THAT(outcome.err, HasSubstr(message));
  EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST(Cli, HelpAndVersionAreAnswers) {
  EXPECT_EQ(run_cli({"--help"}).exit_code, 0);
  EXPECT_THAT(run_cli({"batch", "--help"}).out, HasSubstr("--batch-size"));
  EXPECT_EQ(run_cli({"--version"}).exit_code, 0);
}

TEST(Cli, BadUseIsOneLineAndExitCode2) {
  const CliFolder folder;
  const auto with = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments = {"generate", "-p", "hi", "-m", folder.model()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  };
  expect_bad_use({}, "subcommand");
  expect_bad_use({"nonsense"}, "subcommand");
  expect_bad_use({"generate"}, "--prompt");
  expect_bad_use({"batch", "in.jsonl"}, "--output");
  expect_bad_use(with({"--nonsense"}), "--nonsense");
  expect_bad_use(with({"--dtype", "int3"}), "int3");
  expect_bad_use(with({"--kv-dtype", "f64"}), "f64");
  expect_bad_use(with({"--kernels", "abacus"}), "abacus");
  expect_bad_use(with({"--threads", "0"}), "--threads");
  expect_bad_use(with({"--max-tokens", "-3"}), "--max-tokens");
  expect_bad_use(with({"--max-tokens", "1.5"}), "--max-tokens");
  expect_bad_use(with({"--temperature", "nan"}), "--temperature");
  expect_bad_use(with({"--top-p", "0"}), "--top-p");
  expect_bad_use(with({"--min-p", "1.1"}), "--min-p");
  expect_bad_use(with({"--repetition-penalty", "0"}), "--repetition-penalty");
  expect_bad_use(with({"--presence-penalty", "3"}), "--presence-penalty");
  expect_bad_use(with({"--logit-bias", "5"}), "expected TOKEN:BIAS, got 5");
  expect_bad_use(with({"--logit-bias", "99999:1"}), "logit_bias");
  expect_bad_use(with({"--logprobs", "21"}), "--logprobs");
  expect_bad_use(with({"--min-tokens", "1000"}), "min_tokens");
  expect_bad_use(with({"--seed", "-1"}), "--seed");
  expect_bad_use(with({"--page-size", "33"}), "33");
  expect_bad_use(with({"--kv-memory", "-5"}), "--kv-memory");
  expect_bad_use(with({"--kv-memory", "3 apples"}), "--kv-memory");
  expect_bad_use(with({"--kv-memory", "10"}), "KV");
  expect_bad_use(with({"--context", "1000000"}), "context");
  expect_bad_use({"generate", "-p", std::string(2000, 'q'), "-m", folder.model()}, "context");
  expect_bad_use({"generate", "-p", "\xff", "-m", folder.model()}, "UTF-8");
  expect_bad_use({"generate", "-p", "hi", "-m", folder.at("missing.gguf")}, "missing.gguf");
  expect_bad_use({"generate", "-p", "hi", "-m", folder.path().string()}, folder.path().string());
}

TEST(Cli, BrokenModelsAreOneLine) {
  const CliFolder folder;
  const std::string model = read_text(folder.model());
  for (const std::size_t size :
       {std::size_t(0), std::size_t(3), std::size_t(24), std::size_t(4000), model.size() - 1}) {
    write_text(folder.at("broken.gguf"), model.substr(0, size));
    expect_bad_use({"generate", "-p", "hi", "-m", folder.at("broken.gguf")}, "broken.gguf");
  }
}

TEST(Generate, StreamsWhatJsonHolds) {
  const CliFolder folder;
  const std::vector<std::string> arguments = {"generate",     "-p",           "hello", "-m",
                                              folder.model(), "--max-tokens", "20"};
  const Outcome text = run_cli(arguments);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  std::vector<std::string> with_json = arguments;
  with_json.push_back("--json");
  const Json json = Json::parse(run_cli(with_json).out);
  EXPECT_EQ(text.out, json["text"].get<std::string>() + "\n");
  EXPECT_THAT(text.err, HasSubstr(json["isobatch"]["digest"].get<std::string>()));
  EXPECT_EQ(text.err.find_first_of("\r\033"), std::string::npos);
}

TEST(Generate, ReadsStdinAndSkipsTheTemplate) {
  const CliFolder folder;
  const auto digest = [&](std::vector<std::string> options, const std::string& input) {
    std::vector<std::string> arguments = {"generate", "-m", folder.model(), "--json", "--max-tokens", "5"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run_cli(arguments, input);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return Json::parse(outcome.out)["isobatch"]["digest"].get<std::string>();
  };
  const std::string chat = digest({"-p", "hello"}, "");
  EXPECT_EQ(digest({"-p", "-"}, "hello\n"), chat);
  EXPECT_NE(digest({"-p", "hello", "--raw"}, ""), chat);
  EXPECT_NO_THROW(digest({"-p", "-5 and [1, 2]"}, ""));  // not an option
}

TEST(Info, ShowsTheTableThatWasAskedFor) {
  const Json info = Json::parse(run_cli({"info", "--json"}).out);
  EXPECT_EQ(info["contract"], kContractVersion);
  int usable = 0;
  for (const Json& table : info["tables"]) {
    const std::string name = table["name"];
    const Outcome outcome = run_cli({"info", "--kernels", name, "--json"});
    if (table["usable"]) {
      ++usable;
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      EXPECT_EQ(Json::parse(outcome.out)["kernels"], name);
      EXPECT_THAT(run_cli({"info", "--kernels", name}).out, HasSubstr("kernels       " + name));
    } else {
      EXPECT_EQ(outcome.exit_code, 2);
      EXPECT_NE(table["reason"], "");
      std::printf("[  SKIPPED ] kernel table %s: %s\n", name.c_str(),
                  table["reason"].get<std::string>().c_str());
    }
  }
  EXPECT_GE(usable, 1);
  expect_bad_use({"info", "--kernels", "abacus"}, "abacus");
}

TEST(Info, ShowsTheModel) {
  const CliFolder folder;
  const Json model = Json::parse(run_cli({"info", "--json", "-m", folder.model()}).out)["model"];
  EXPECT_EQ(model["architecture"], "llama");
  EXPECT_EQ(model["layers"], RandomModelOptions{}.layers);
  EXPECT_THAT(run_cli({"info", "-m", folder.model()}).out,
              HasSubstr(model["fingerprint"].get<std::string>()));
}

TEST(Bench, HoldsAllFigures) {
  const CliFolder folder;
  RandomModelOptions options;
  options.context = 1024;
  write_random_model(folder.at("long.gguf"), options);
  const Outcome outcome = run_cli({"bench", "-m", folder.at("long.gguf"), "--json", "--threads", "2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_GT(json["prefill_512"], 0);
  for (const char* batch : {"1", "4", "16", "64"}) {
    EXPECT_TRUE(json["decode"][batch].is_number());
    EXPECT_GT(json["bytes_per_token"]["decode"][batch], 0);
    EXPECT_GT(json["operations_per_token"]["decode"][batch], 0);
  }
  EXPECT_EQ(json["threads"], 2);
  EXPECT_GT(json["peaks"]["bytes_per_second"], 0);
  EXPECT_GT(json["roofline"]["prefill_512"]["reached"], 0);
  EXPECT_THAT(json["roofline"]["decode"]["64"]["bound_by"].get<std::string>(), AnyOf("memory", "arithmetic"));
}

TEST(Bench, MeasuresTheSizesAskedFor) {
  const CliFolder folder;
  const std::vector<std::string> arguments = {"bench",
                                              "-m",
                                              folder.model(),
                                              "--threads",
                                              "2",
                                              "--batch-sizes",
                                              "2,3",
                                              "--prefill-tokens",
                                              "40",
                                              "--prompt-tokens",
                                              "8",
                                              "--new-tokens",
                                              "4",
                                              "--repetitions",
                                              "1",
                                              "--no-peaks",
                                              "--profile"};
  std::vector<std::string> with_json = arguments;
  with_json.push_back("--json");
  const Outcome outcome = run_cli(with_json);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_GT(json["prefill_40"], 0);
  EXPECT_GT(json["seconds_per_step"]["decode"]["3"], 0);
  EXPECT_EQ(json["decode"].size(), 2u);
  EXPECT_FALSE(json.contains("peaks"));
  EXPECT_EQ(json["profile"]["decode"]["2"]["steps"], 3);
  EXPECT_GT(json["profile"]["prefill_40"]["stages"]["attention"]["seconds"], 0);
  EXPECT_THAT(run_cli(arguments).out, HasSubstr("gate_up"));
  expect_bad_use({"bench", "--new-tokens", "1"}, "--new-tokens");
}

TEST(Yesno, ComparesBatchSizes) {
  const CliFolder folder;
  std::string prompts;
  for (int i = 0; i < 20; ++i) {
    const Json line = {
        {"id", i},
        {"messages", Json::array({{{"role", "user"}, {"content", std::string(1 + i * 3, 'k')}}})},
        {"answer", i % 2 ? "yes" : "no"}};
    prompts += line.dump() + "\n";
  }
  write_text(folder.at("prompts.jsonl"), prompts);
  const std::vector<std::string> arguments = {
      "yesno",         "-m",  folder.model(), "--prompts", folder.at("prompts.jsonl"),
      "--batch-sizes", "1,8", "--ignore-eos"};
  std::vector<std::string> with_json = arguments;
  with_json.push_back("--json");
  const Outcome outcome = run_cli(with_json);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["batch_size"], 8);
  EXPECT_EQ(json[1]["max_decode_rows"], 8);
  EXPECT_EQ(json[1]["different_answers"], 0);
  EXPECT_EQ(json[1]["digests_equal"], true);
  EXPECT_EQ(json[1]["mean_tokens"], 16.0);
  const Outcome table = run_cli(arguments);
  EXPECT_EQ(lines_of(table.out).size(), 5u) << table.out;  // two lines of headings, a rule, two rows
  EXPECT_EQ(table.err, "");

  write_text(folder.at("prompts.jsonl"), prompts + "{\"answer\":\"maybe\"}\n");
  expect_bad_use(arguments, "line 21");
}

}  // namespace
}  // namespace isobatch::test
