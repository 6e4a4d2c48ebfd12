// `audit` as a user meets it, on a small random model.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"

namespace isobatch::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class AuditCommandTest : public ::testing::Test {
 protected:
  AuditCommandTest() {
    std::string lines;
    for (const char* question :
         {"Is snow cold?", "Do ducks swim?", "Is the sun a planet?", "Can fish climb trees?"}) {
      lines += Json{{"id", std::string("q-") + question[0] + question[3]},
                    {"messages", {{{"role", "user"}, {"content", question}}}},
                    {"answer", "yes"}}
                   .dump() +
               '\n';
    }
    write_text(folder_.at("prompts.jsonl"), lines);
  }

  std::vector<std::string> arguments(std::vector<std::string> more) const {
    std::vector<std::string> all = {"audit",
                                    "-m",
                                    folder_.model(),
                                    "--prompts",
                                    folder_.at("prompts.jsonl"),
                                    "--batch-sizes",
                                    "2,3",
                                    "--batch-size",
                                    "3",
                                    "--max-tokens",
                                    "5",
                                    "--probes",
                                    "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  const CliFolder folder_;
};

TEST_F(AuditCommandTest, OwnEngineIsCleanAndTheFilesAreWhole) {
  const std::string html = folder_.at("report.html"), json = folder_.at("report.json");
  const Outcome outcome =
      run_cli(arguments({"--html", html, "--json", json, "--fail-on", "flips>0", "--fail-on", "bug"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("Audit of isobatch"), HasSubstr("bits equal"), HasSubstr("Gate: passed")));
  EXPECT_THAT(read_text(html), AllOf(HasSubstr("<section id=\"repeat\""), HasSubstr("</html>")));
  const Json report = Json::parse(read_text(json));
  EXPECT_EQ(report["engines"][0]["info"]["name"], "isobatch");
  EXPECT_EQ(report["prompts"], 4);
  EXPECT_THAT(report["command"].get<std::string>(), HasSubstr("isobatch audit -m"));
  EXPECT_THAT(files_in(folder_.path()),
              ElementsAre("model.gguf", "prompts.jsonl", "report.html", "report.json"));
}

TEST_F(AuditCommandTest, ABaselineOfItsOwnHasNotChanged) {
  const std::string json = folder_.at("report.json");
  ASSERT_EQ(run_cli(arguments({"--json", json})).exit_code, 0);
  const Outcome same = run_cli(arguments({"--baseline", json, "--fail-on", "worse"}));
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("none changed beyond its interval"));
  Json earlier = Json::parse(read_text(json));
  earlier["engines"][0]["verdicts"][0]["kind"] = "rounding";
  write_text(json, earlier.dump());
  EXPECT_THAT(run_cli(arguments({"--baseline", json})).out, HasSubstr("is gone"));
}

TEST_F(AuditCommandTest, TheGateHasItsOwnExitCode) {
  const Outcome outcome = run_cli(arguments({"--engine", "broken=padded", "--fault", "no_mask", "--fail-on",
                                             "bug", "--html", folder_.at("r.html")}));
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("BUG: mask fault"), HasSubstr("Gate: failed"), HasSubstr("broken")));
  EXPECT_THAT(read_text(folder_.at("r.html")), HasSubstr("id=\"gate\""));
}

TEST_F(AuditCommandTest, AnEngineThatFailsDoesNotStopTheOthers) {
  const Outcome outcome =
      run_cli(arguments({"--engine", "hf", "--cache", folder_.at("nothing"), "--engine", "isobatch"}));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("failed: "), HasSubstr("bits equal")));
}

TEST_F(AuditCommandTest, AnInterruptKeepsWhatWasMeasured) {
  std::string lines;
  for (int i = 0; i < 20000; ++i) lines += Json{{"prompt", "question " + std::to_string(i)}}.dump() + '\n';
  write_text(folder_.at("many.jsonl"), lines);
  const std::string html = folder_.at("report.html"), json = folder_.at("report.json");
  const Outcome outcome =
      run_cli(arguments({"--prompts", folder_.at("many.jsonl"), "--engine", "isobatch", "--engine", "padded",
                         "--factors", "dtype,batch_size", "--html", html, "--json", json}),
              "", "timeout --preserve-status -s INT 3");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("the report has what was measured"));
  const Json report = Json::parse(read_text(json));
  ASSERT_EQ(report["engines"].size(), 2u);
  // The four other dtypes, unless the machine is very slow; never the batch sizes.
  const std::size_t done = report["engines"][0]["comparisons"].size();
  EXPECT_LE(done, 4u);
  const std::string stopped = "stopped after " + std::to_string(done) + " of 10 comparisons";
  EXPECT_EQ(report["engines"][0]["error"], stopped);
  EXPECT_EQ(report["engines"][0]["verdicts"][0]["kind"], "not_measured");
  EXPECT_EQ(report["engines"][1]["error"], "stopped before it began");
  EXPECT_THAT(read_text(html), HasSubstr(stopped));
}

TEST_F(AuditCommandTest, BadUseIsFoundBeforeTheWork) {
  const auto expect_refused = [&](const std::vector<std::string>& more, const std::string& message) {
    const Outcome outcome = run_cli(arguments(more));
    EXPECT_EQ(outcome.exit_code, 2) << message;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  };
  expect_refused({"--engine", "magic"}, "no engine magic");
  expect_refused({"--html", "/no/such/folder/r.html"}, "/no/such/folder/r.html");
  expect_refused({"--baseline", folder_.at("none.json")}, "cannot read");
  expect_refused({"--baseline", folder_.at("prompts.jsonl")}, "audit report");
  expect_refused({"--fail-on", "worse"}, "needs a --baseline");
  expect_refused({"--prompts", folder_.at("none.jsonl")}, "none.jsonl");
  expect_refused({"--setup", "magic"}, "no engine magic");
  EXPECT_THAT(files_in(folder_.path()), ElementsAre("model.gguf", "prompts.jsonl"));
}

TEST_F(AuditCommandTest, ListsWhatThereIs) {
  const Outcome outcome = run_cli({"audit", "--list"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("padded"), HasSubstr("batch_size"), HasSubstr("neighbours' content")));
}

TEST_F(AuditCommandTest, TraceNamesTheOperation) {
  const auto trace = [&](const std::string& a, const std::string& b) {
    return run_cli(
        {"trace", "-m", folder_.model(), "--prompts", folder_.at("prompts.jsonl"), "--a", a, "--b", b});
  };
  const Outcome same = trace("isobatch", "isobatch:batch=3,chunk=16,kv_cache=off,side=right");
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("No operation differs in a bit"));
  const Outcome fault = trace("padded", "padded:batch=3,extra=4,fault=no_mask");
  EXPECT_EQ(fault.exit_code, 1) << fault.err;
  EXPECT_THAT(fault.out, HasSubstr("Beyond rounding: layers.0.attention, prompt"));
  EXPECT_EQ(trace("isobatch", "isobatch:colour=red").exit_code, 2);
  const Outcome set =
      run_cli({"trace", "-m", "isobatch:" + folder_.model(), "--prompts", folder_.at("prompts.jsonl"), "--a",
               "isobatch", "--b", "isobatch:batch=2", "--set", "colour=red"});
  EXPECT_EQ(set.exit_code, 2);
  EXPECT_THAT(set.err, HasSubstr("colour"));
  EXPECT_THAT(trace("isobatch", "isobatch:batch=0").err, HasSubstr("batch must be a number of at least 1"));
}

}  // namespace
}  // namespace isobatch::test
