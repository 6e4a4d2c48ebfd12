#include "base/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/support/temp_dir.h"

namespace isobatch {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  void limit(const std::string& file, std::string text) {
    const std::filesystem::path path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    test::write_file(path, std::as_bytes(std::span(text)));
  }
  std::size_t read(std::string_view membership) { return cgroup_memory_limit(membership, root_.path()); }

  test::TempDir root_;
};

TEST_F(CgroupTest, NoLimitIsTheLargestNumber) {
  EXPECT_EQ(read(""), SIZE_MAX);
  EXPECT_EQ(read("0::/\n"), SIZE_MAX);
  limit("memory.max", "max\n");
  EXPECT_EQ(read("0::/\n"), SIZE_MAX);
  EXPECT_EQ(read("no colons\n0:\n"), SIZE_MAX);
}

TEST_F(CgroupTest, TheLeastLimitOfTheGroupAndThoseAboveCounts) {
  limit("memory.max", "max\n");
  limit("user/memory.max", "3000\n");
  limit("user/job/memory.max", "5000\n");
  EXPECT_EQ(read("0::/user/job\n"), 3000u);
  limit("user/job/memory.max", "2000\n");
  EXPECT_EQ(read("0::/user/job\n"), 2000u);
  EXPECT_EQ(read("0::/other\n"), SIZE_MAX);
}

TEST_F(CgroupTest, AContainersMountIsItsGroup) {
  limit("memory.max", "4096\n");
  EXPECT_EQ(read("0::/path/of/the/host\n"), 4096u);
}

TEST_F(CgroupTest, VersionOneHasItsOwnMount) {
  limit("memory/memory.limit_in_bytes", "9223372036854771712\n");
  limit("memory/box/memory.limit_in_bytes", "7777\n");
  EXPECT_EQ(read("5:cpu,cpuacct:/box\n4:hugetlb,memory:/box\n0::/\n"), 7777u);
  EXPECT_EQ(read("5:cpu,cpuacct:/box\n"), SIZE_MAX);
}

TEST(MemoryTest, ThisProcessHasALimitAndAPeak) {
  EXPECT_GT(memory_limit(), std::size_t{64} << 20);
  const std::size_t before = peak_resident_bytes();
  std::vector<char> pages(std::size_t{32} << 20, 1);
  EXPECT_GT(pages.back(), 0);
  EXPECT_GE(peak_resident_bytes(), before);
  EXPECT_GE(peak_resident_bytes(), std::size_t{32} << 20);
}

}  // namespace
}  // namespace isobatch
