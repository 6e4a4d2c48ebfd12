#include "audit_options.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "atomic_file.h"
#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

AuditCommand parse(std::vector<std::string> arguments) {
  CLI::App app;
  AuditCommand command;
  add_audit_options(app, command);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return command;
}

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    engine_requests(parse(arguments));
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

class AuditOptionsTest : public ::testing::Test {
 protected:
  AuditOptionsTest() { std::ofstream(model_) << "x"; }
  const test::TempDir folder_;
  const std::string model_ = (folder_ / "model.gguf").string();
};

TEST_F(AuditOptionsTest, ASettingIsForAllOrForOne) {
  const auto requests = engine_requests(
      parse({"--engine",      "isobatch",  "--engine",       "openai",   "--engine",
             "broken=padded", "-m",        model_,           "--url",    "openai:http://host:1/v1",
             "--threads",     "2",         "--threads",      "broken:1", "--dtype",
             "broken:bf16",   "--fault",   "broken:no-mask", "--set",    "a=b=c",
             "--set",         "openai:k=v"}));
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].name, "isobatch");
  EXPECT_EQ(requests[0].options.model, model_);
  EXPECT_EQ(requests[0].options.url, "");
  EXPECT_EQ(requests[0].options.threads, 2);
  EXPECT_THAT(requests[0].options.faults, IsEmpty());
  EXPECT_THAT(requests[0].options.settings, ElementsAre(std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_EQ(requests[1].options.url, "http://host:1/v1");
  EXPECT_EQ(requests[1].options.settings.size(), 2u);
  EXPECT_EQ(requests[2].label, "broken");
  EXPECT_EQ(requests[2].name, "padded");
  EXPECT_EQ(requests[2].options.threads, 1);
  EXPECT_EQ(requests[2].dtype, "bf16");
  EXPECT_THAT(requests[2].options.faults, ElementsAre("no-mask"));
}

TEST_F(AuditOptionsTest, WhatNoEngineTakesIsRefused) {
  EXPECT_THAT(refusal({"--engine", "magic"}), HasSubstr("no engine magic; there are isobatch"));
  EXPECT_THAT(refusal({"--engine", "padded", "--engine", "padded", "-m", model_}),
              HasSubstr("padded is there twice"));
  EXPECT_THAT(refusal({"--engine", "=padded"}), HasSubstr("has no name"));
  EXPECT_THAT(refusal({"-m", model_, "--fault", "no-mask"}), HasSubstr("--fault"));
  EXPECT_THAT(refusal({"-m", model_, "--threads", "none"}), HasSubstr("from 1 to 1024, got none"));
  EXPECT_THAT(refusal({"-m", model_, "--set", "=x"}), HasSubstr("expected key=value"));
  EXPECT_THAT(refusal({"-m", "/no/such/model"}), HasSubstr("no such file"));
  EXPECT_THAT(refusal({"-m", model_, "--api-key-env", "ISOBATCH_NO_SUCH_KEY"}),
              HasSubstr("ISOBATCH_NO_SUCH_KEY"));
  EXPECT_THAT(refusal({"--factors", "batch_size,mood"}), HasSubstr("no factor mood"));
  EXPECT_THAT(refusal({"--fail-on", "flips"}), HasSubstr("expected flips>N"));
}

TEST_F(AuditOptionsTest, QuickGivesWayToWhatIsSaid) {
  const AuditCommand quick = parse({"--max-tokens", "7", "--quick"});
  EXPECT_EQ(quick.limit, 16u);
  EXPECT_EQ(quick.options.max_tokens, 7);
  EXPECT_THAT(quick.options.batch_sizes, ElementsAre(4));
  EXPECT_THAT(parse({"--factors", "rerun,dtype"}).options.factors,
              ElementsAre(audit::Factor::dtype, audit::Factor::rerun));
}

TEST(ShellLine, IsReadBackByAShell) {
  EXPECT_EQ(shell_line({"isobatch", "--fail-on", "flips>0", "it's", ""}),
            R"(isobatch --fail-on 'flips>0' 'it'\''s' '')");
}

TEST(AtomicFile, IsThereWholeOrNotAtAll) {
  const test::TempDir folder;
  const std::filesystem::path path = folder / "report.html";
  const auto files = [&] { return std::distance(std::filesystem::directory_iterator(folder.path()), {}); };
  { AtomicFile file(path); }
  EXPECT_EQ(files(), 0);
  {
    AtomicFile file(path);
    file.write("whole");
  }
  EXPECT_EQ(files(), 1);
  std::ifstream written(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(written), {}), "whole");
  EXPECT_THROW(AtomicFile("/no/such/folder/report.html"), Error);
}

}  // namespace
}  // namespace isobatch::cli
