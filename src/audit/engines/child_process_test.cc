#include "audit/engines/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <thread>

#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ChildProcess::Deadline in_seconds(double seconds) {
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                std::chrono::duration<double>(seconds));
}
ChildCommand shell(const std::string& script) { return {{"/bin/sh", "-c", script}, {}}; }

TEST(ChildProcess, AnswersByLineAndByBytes) {
  ChildProcess child(shell("read a; echo \"got $a\"; printf '12345678rest'"));
  EXPECT_TRUE(child.write("one\n", in_seconds(10)));
  EXPECT_EQ(child.read_line(100, in_seconds(10)), "got one");
  std::array<std::byte, 8> bytes;
  EXPECT_TRUE(child.read(bytes, in_seconds(10)));
  EXPECT_EQ(static_cast<char>(bytes[7]), '8');
  EXPECT_EQ(child.read_line(100, in_seconds(10)), "rest");  // a last line without newline
  EXPECT_EQ(child.read_line(100, in_seconds(10)), std::nullopt);
  EXPECT_EQ(child.describe_end(), "exit code 0");
}

TEST(ChildProcess, ProgramThatDoesNotExist) {
  try {
    ChildProcess child({{"/nowhere/program"}, {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_THAT(error.what(), StartsWith("/nowhere/program: cannot be started"));
  }
}

TEST(ChildProcess, EnvironmentIsChangedAndKept) {
  ChildProcess child({{"/bin/sh", "-c", "echo $COLOUR-${PATH:+path}"}, {{"COLOUR", "green"}}});
  EXPECT_EQ(child.read_line(100, in_seconds(10)), "green-path");
}

TEST(ChildProcess, HangEndsAtTheDeadline) {
  ChildProcess child(shell("sleep 600"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(child.read_line(100, in_seconds(0.2)), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(ChildProcess, WritingToADeadChildIsNoSignal) {
  ChildProcess child(shell("echo 'last words' >&2; exit 7"));
  EXPECT_EQ(child.wait(in_seconds(10)), 7);
  EXPECT_FALSE(child.write(std::string(1 << 20, 'x'), in_seconds(10)));
  EXPECT_EQ(child.describe_end(), "exit code 7");
  EXPECT_EQ(child.last_message(), "last words");
}

TEST(ChildProcess, NobodyWaitsForAFullPipe) {
  // The child fills both of its pipes before it reads what this process writes.
  const std::string fill = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; ";
  ChildProcess child(shell(fill + "echo warning $i >&2; i=$((i+1)); done; cat > /dev/null; echo end"));
  EXPECT_TRUE(child.write(std::string(8 << 20, 'x'), in_seconds(60)));
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(child.read_line(100, in_seconds(60)));
  EXPECT_EQ(child.last_message(), "warning 2999");
}

TEST(ChildProcess, LongLinesAreRefused) {
  ChildProcess child(shell("head -c 5000 /dev/zero; sleep 600"));
  EXPECT_THROW(child.read_line(1000, in_seconds(10)), Error);
}

TEST(ChildProcess, SignalIsNamed) {
  ChildProcess child(shell("kill -9 $$"));
  EXPECT_EQ(child.read_line(10, in_seconds(10)), std::nullopt);
  EXPECT_EQ(child.describe_end(), "signal 9 (Killed)");
}

TEST(ChildProcess, ItsOwnChildrenDieToo) {
  std::string grandchild;
  {
    ChildProcess child(shell("sleep 600 & echo $!; wait"));
    grandchild = *child.read_line(100, in_seconds(10));
  }
  const pid_t process = static_cast<pid_t>(std::stol(grandchild));
  for (int i = 0; i < 500 && ::kill(process, 0) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(::kill(process, 0), 0);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no zombie
}

TEST(Printable, IsAscii) {
  EXPECT_EQ(printable("a\tb\x1b\xff", 100), "a b??");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

}  // namespace
}  // namespace isobatch::audit
