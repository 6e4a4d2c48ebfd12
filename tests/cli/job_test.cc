// Jobs that are cut short: by Ctrl-C, a full disk, an input that goes away. What is done stays, the message
// says how to go on, and going on gives the bytes of a job that nothing has disturbed. tests/cli/kill_test.py
// kills.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/cli.h"

namespace isobatch::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string lines_to_answer(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text +=
        fmt::format("{{\"prompt\":\"question {}\",\"max_tokens\":{},\"ignore_eos\":true}}\n", i, 1 + i % 40);
  }
  return text;
}

class Job : public ::testing::Test {
 protected:
  Outcome batch(const std::vector<std::string>& options = {}, const std::string& wrapper = "") {
    std::vector<std::string> arguments = {"batch", in(), "-o", out(), "-m", folder_.model()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_cli(arguments, "", wrapper);
  }
  void expect_resumes_to(const std::string& expected,
                         const std::vector<std::string>& options = {"--resume"}) {
    const Outcome outcome = batch(options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(read_text(out()) == expected) << outcome.err;
    EXPECT_EQ(files_in(folder_.path()), files_when_done_);
  }
  // What an undisturbed job writes.
  std::string undisturbed() {
    EXPECT_EQ(batch().exit_code, 0);
    files_when_done_ = files_in(folder_.path());
    const std::string text = read_text(out());
    std::filesystem::remove(out());
    return text;
  }
  std::string in() const { return folder_.at("in.jsonl"); }
  std::string out() const { return folder_.at("out.jsonl"); }

  CliFolder folder_;
  std::vector<std::string> files_when_done_;
};

TEST_F(Job, AnInterruptKeepsWhatIsDone) {
  write_text(in(), lines_to_answer(6000));
  const Outcome cut = batch({"--batch-size", "1"}, "timeout --preserve-status -s INT 1.5");
  EXPECT_EQ(cut.exit_code, 130) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("interrupted"));
  EXPECT_THAT(cut.err, HasSubstr("--resume"));
  EXPECT_FALSE(std::filesystem::exists(out()));
  const std::size_t done = lines_of(read_text(out() + ".part")).size();
  EXPECT_GT(done, 0u);
  EXPECT_LT(done, 6000u);

  const Outcome without = batch();
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.err, HasSubstr("--resume"));
  const Outcome other = batch({"--resume", "--temperature", "0.5"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("begun with options {}, but now it is {\"temperature\":0.5}"));
  const Outcome dtype = batch({"--resume", "--dtype", "f32"});
  EXPECT_EQ(dtype.exit_code, 2);
  EXPECT_THAT(dtype.err, HasSubstr("begun with model isobatch-"));
  EXPECT_EQ(lines_of(read_text(out() + ".part")).size(), done);

  EXPECT_EQ(batch({"--resume"}).exit_code, 0);
  const std::string resumed = read_text(out());
  EXPECT_TRUE(resumed == undisturbed());
}

TEST_F(Job, AFullDiskKeepsWhatIsDone) {
  write_text(in(), lines_to_answer(400));
  const std::string expected = undisturbed();
  // Blocks of 512 bytes: far less than the output needs, for any file.
  for (const int blocks : {1, 20, 150}) {
    const Outcome full = batch({"--resume"}, fmt::format("ulimit -f {};", blocks));
    EXPECT_EQ(full.exit_code, 2) << full.err;
    EXPECT_THAT(full.err, HasSubstr("cannot write: File too large"));
    EXPECT_EQ(lines_of(full.err).size(), 1u) << full.err;
    if (blocks >= 20)
      EXPECT_THAT(full.err, HasSubstr("records are kept; the same command with --resume goes on"));
  }
  expect_resumes_to(expected);
}

TEST_F(Job, AnInputThatIsGoneOrChangedIsAnError) {
  const std::string input = lines_to_answer(300);
  write_text(in(), input);
  const std::string expected = undisturbed();
  EXPECT_EQ(batch({}, "ulimit -f 150;").exit_code, 2);
  std::filesystem::remove(in());
  EXPECT_THAT(batch({"--resume"}).err, HasSubstr("cannot open"));
  write_text(in(), "{\"prompt\":\"another\"}\n" + input);
  EXPECT_THAT(batch({"--resume"}).err, HasSubstr("begun with another input"));
  write_text(in(), input.substr(0, 500));
  EXPECT_THAT(batch({"--resume"}).err, HasSubstr("begun with another input"));
  write_text(in(), input);
  expect_resumes_to(expected);
}

TEST_F(Job, NothingToResumeIsAJobFromTheStart) {
  write_text(in(), lines_to_answer(5));
  const std::string expected = undisturbed();
  expect_resumes_to(expected);
  expect_resumes_to(expected);
}

TEST_F(Job, UnorderedHasTheSameRecords) {
  write_text(in(), lines_to_answer(200));
  const auto sorted = [](const std::string& text) {
    auto lines = lines_of(text);
    std::sort(lines.begin(), lines.end());
    return lines;
  };
  const std::string expected = undisturbed();
  EXPECT_EQ(batch({"--unordered"}).exit_code, 0);
  EXPECT_EQ(sorted(read_text(out())), sorted(expected));
  EXPECT_FALSE(read_text(out()) == expected);  // short answers have gone first
  EXPECT_EQ(batch({"--unordered"}, "ulimit -f 150;").exit_code, 2);
  EXPECT_EQ(batch({"--resume"}).exit_code, 2);  // it is another order
  EXPECT_EQ(batch({"--unordered", "--resume"}).exit_code, 0);
  EXPECT_EQ(sorted(read_text(out())), sorted(expected));
}

TEST_F(Job, AClosedPipeOfMessagesDoesNotStopIt) {
  write_text(in(), lines_to_answer(50));
  const std::string expected = undisturbed();
  const Outcome outcome = batch({}, "sh -c 'exec \"$@\" 2>&1 >/dev/null | true' sh");
  EXPECT_TRUE(read_text(out()) == expected) << outcome.err;
  EXPECT_EQ(files_in(folder_.path()), files_when_done_);
}

// Most resident bytes of a job over `lines` lines.
std::size_t peak_bytes(const CliFolder& folder, const std::string& out, std::size_t lines) {
  {
    // Line by line: the child's peak begins with ours.
    std::ofstream file(folder.at("many.jsonl"));
    for (std::size_t i = 0; i < lines; ++i) {
      file << fmt::format("{{\"custom_id\":\"{}\",\"prompt\":\"{:x<200}\",\"tools\":[1]}}\n", i, "");
    }
  }
  const pid_t child = fork();
  if (child == 0) {
    freopen("/dev/null", "w", stderr);
    execl(ISOBATCH_BINARY, "isobatch", "batch", folder.at("many.jsonl").c_str(), "-o", out.c_str(), "-m",
          folder.model().c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  EXPECT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << "status " << status;
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

TEST_F(Job, MemoryDoesNotGrowWithTheInput) {
  const std::size_t few = peak_bytes(folder_, out(), 2000);
  const std::size_t many = peak_bytes(folder_, out(), 60000);
  // 14 MB more of input, and of output; an id takes up to 43 bytes, more for a moment, and two buffers grow.
  EXPECT_LT(many, few + (6 << 20)) << few << " bytes with few lines";
  EXPECT_GT(std::filesystem::file_size(out()), std::size_t(10 << 20));
}

}  // namespace
}  // namespace isobatch::test
