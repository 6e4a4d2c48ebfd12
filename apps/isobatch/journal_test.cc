#include "journal.h"

#include <gtest/gtest.h>

namespace isobatch::cli {
namespace {

std::string without_newline(std::string line) {
  EXPECT_TRUE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

TEST(Journal, EntriesComeBack) {
  const JournalEntry entries[] = {
      {JournalEntry::Kind::wrote, 7, true, 0xabc, 12345678901, ~std::uint64_t(0), ""},
      {JournalEntry::Kind::waits, 0, false, 1, 0, 0, R"({"custom_id": "a b  c"})"},
      {JournalEntry::Kind::waits, 3, true, 1, 0, 0, ""},
      {JournalEntry::Kind::ended, 0, false, 0, 5, 6, ""},
  };
  for (const JournalEntry& entry : entries) {
    EXPECT_EQ(decode_entry(without_newline(encode_entry(entry))), entry);
  }
}

TEST(Journal, TheHeaderComesBack) {
  const JobIdentity identity = {{"model", "isobatch-1"}, {"options", R"({"stop":["\n","é"]})"}};
  const std::string line = without_newline(encode_header(identity));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(decode_header(line), identity);
}

TEST(Journal, ATornOrChangedLineIsNone) {
  const std::string line =
      without_newline(encode_entry({JournalEntry::Kind::wrote, 70, false, 0xabc, 123, 456, ""}));
  for (std::size_t size = 0; size < line.size(); ++size)
    EXPECT_EQ(decode_entry(line.substr(0, size)), std::nullopt);
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] ^= 1;
    EXPECT_EQ(decode_entry(changed), std::nullopt) << changed;
  }
  EXPECT_EQ(decode_header(line), std::nullopt);
}

TEST(Journal, KnowsItsOwnFiles) {
  EXPECT_TRUE(may_be_journal(""));
  EXPECT_TRUE(may_be_journal("isobat"));
  EXPECT_TRUE(may_be_journal(encode_header({})));
  EXPECT_FALSE(may_be_journal("Dear diary"));
}

}  // namespace
}  // namespace isobatch::cli
