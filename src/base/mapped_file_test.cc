#include "base/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch {
namespace {

using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
 protected:
  std::filesystem::path write(std::size_t size) {
    content_.resize(size);
    for (std::size_t i = 0; i < size; ++i) content_[i] = static_cast<std::byte>(i * 7);
    test::write_file(directory_ / "file", content_);
    return directory_ / "file";
  }
  void expect_error(const std::filesystem::path& path, ErrorCode code, const std::string& part) {
    try {
      MappedFile file(path);
      ADD_FAILURE() << "mapped " << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  test::TempDir directory_;
  std::vector<std::byte> content_;
};

TEST_F(MappedFileTest, HoldsTheFile) {
  for (const std::size_t size : {1u, 4095u, 4096u, 100'001u}) {
    const MappedFile file(write(size));
    EXPECT_EQ(file.size(), size);
    EXPECT_TRUE(std::ranges::equal(file.bytes(), content_));
  }
}

TEST_F(MappedFileTest, MovesWithItsMapping) {
  MappedFile first(write(5000));
  const std::byte* data = first.bytes().data();
  MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes().data(), data);
  first = std::move(second);
  EXPECT_EQ(first.bytes().data(), data);
  EXPECT_TRUE(std::ranges::equal(first.bytes(), content_));
}

TEST_F(MappedFileTest, SurvivesTheFilesRemoval) {
  const MappedFile file(write(5000));
  std::filesystem::remove(directory_ / "file");
  EXPECT_TRUE(std::ranges::equal(file.bytes(), content_));
}

TEST_F(MappedFileTest, ReleasedBytesCanBeReadAgain) {
  const MappedFile file(write(100'000));
  constexpr std::size_t kHuge = ~std::size_t{0};
  const std::size_t ranges[][2] = {{0, 100'000}, {1, 4095}, {4095, 2},       {5000, 50'000},
                                   {99'999, 1},  {0, 0},    {90'000, kHuge}, {kHuge, 1}};
  for (const auto& [offset, size] : ranges) {
    file.release(offset, size);
    EXPECT_TRUE(std::ranges::equal(file.bytes(), content_));
  }
}

TEST_F(MappedFileTest, ErrorsNamePathAndReason) {
  expect_error(directory_ / "absent", ErrorCode::not_found, "No such file");
  expect_error(write(1) / "below", ErrorCode::not_found, "Not a directory");
  expect_error(directory_.path(), ErrorCode::io, "is a directory");
  test::write_file(directory_ / "empty", {});
  expect_error(directory_ / "empty", ErrorCode::io, "empty");
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  expect_error(directory_ / "pipe", ErrorCode::io,
               "expected a regular file");  // and does not wait for a writer
  expect_error("/dev/null", ErrorCode::io, "expected a regular file");
  if (::geteuid() != 0) {  // root may read everything
    std::filesystem::permissions(write(1), std::filesystem::perms::none);
    expect_error(directory_ / "file", ErrorCode::io, "Permission denied");
  }
}

}  // namespace
}  // namespace isobatch
