// Peak memory: the weights in the chosen dtype × 1.15 + the KV pool + 200 MB.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/golden/golden_model.h"

namespace isobatch::test {
namespace {

// Most resident bytes of `isobatch generate` with the default model and a KV pool of 64 MiB.
std::size_t peak_bytes(const char* dtype) {
  const pid_t child = fork();
  if (child == 0) {
    freopen("/dev/null", "w", stdout);
    freopen("/dev/null", "w", stderr);
    execl(ISOBATCH_BINARY, "isobatch", "generate", "-p", "Is the sky blue?", "--max-tokens", "8", "--dtype",
          dtype, "--kv-memory", "64M", nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  EXPECT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

constexpr double kMb = 1e6;

TEST(Memory, PeakIsWithinTheBound) {
  if (!std::filesystem::exists(golden::model_path()))
    GTEST_SKIP() << "the default model's file is not in the cache";
  const double pool = 64 * 1024 * 1024;
  const double native = 96.6 * kMb, f32 = 134.5 * 4 * kMb, bf16 = f32 / 2;
  EXPECT_LT(peak_bytes("native"), native * 1.15 + pool + 200 * kMb);
  EXPECT_LT(peak_bytes("f32"), f32 * 1.15 + pool + 200 * kMb);
  EXPECT_LT(peak_bytes("bf16"), bf16 * 1.15 + pool + 200 * kMb);
}

}  // namespace
}  // namespace isobatch::test
