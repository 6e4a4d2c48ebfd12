#include "line_reader.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "isobatch/error.h"
#include "tests/support/temp_dir.h"

namespace isobatch::cli {
namespace {

class LineReaderTest : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return path_;
  }
  test::TempDir folder_;
  std::string path_ = (folder_ / "in").string();
};

TEST_F(LineReaderTest, SkipsBlankLinesAndCountsThem) {
  LineReader reader(write("a\r\n\n \t\nb"));
  EXPECT_EQ(reader.size(), 8u);
  InputLine line;
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.text, "a\r");
  EXPECT_EQ(line.number, 1u);
  EXPECT_EQ(line.index, 0u);
  EXPECT_EQ(line.end, 3u);
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.text, "b");
  EXPECT_EQ(line.number, 4u);
  EXPECT_EQ(line.index, 1u);
  EXPECT_EQ(line.offset, 7u);
  EXPECT_EQ(line.end, 8u);
  EXPECT_FALSE(reader.next(line));
  EXPECT_TRUE(reader.at_end());
}

TEST_F(LineReaderTest, TheHashIsOfAllUpToTheLine) {
  const auto last_hash = [this](const std::string& text) {
    LineReader reader(write(text));
    InputLine line;
    while (reader.next(line)) {
    }
    return line.hash;
  };
  EXPECT_EQ(last_hash("a\nb\n"), last_hash("a\nb\n\n\n"));
  EXPECT_NE(last_hash("a\nb\n"), last_hash("c\nb\n"));
  EXPECT_NE(last_hash("a\nb\n"), last_hash("a\n\nb\n"));
}

TEST_F(LineReaderTest, AFileThatShrinksIsAnError) {
  LineReader reader(write(std::string(1 << 20, 'a') + "\n" + std::string(1 << 20, 'b')));
  InputLine line;
  ASSERT_TRUE(reader.next(line));
  std::filesystem::resize_file(path_, 1000);
  const auto read_all = [&] {
    while (reader.next(line)) {
    }
  };
  EXPECT_THROW(read_all(), Error);
}

TEST_F(LineReaderTest, WhatCannotBeReadIsAnError) {
  EXPECT_THROW(LineReader(path_ + "nowhere"), Error);
  EXPECT_THROW(LineReader(folder_.path().string()), Error);
}

}  // namespace
}  // namespace isobatch::cli
