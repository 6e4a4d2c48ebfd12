#include "text/utf8.h"

#include <gtest/gtest.h>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

TEST(Utf8, EveryScalarValueIsReadBackAsWritten) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    const CodePoint read = decode_utf8(text, 0);
    ASSERT_TRUE(read.valid && read.value == c && read.length == static_cast<int>(text.size()))
        << std::hex << std::uint32_t{c};
    ASSERT_FALSE(find_invalid_utf8(text));
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      std::string cut_short = "a";
      cut_short.append(text, 0, cut);
      ASSERT_EQ(incomplete_suffix(cut_short), cut) << std::hex << std::uint32_t{c};
    }
    ASSERT_EQ(incomplete_suffix(text), 0u);
  }
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8("plain ascii, longer than eight bytes"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("12345678\xff"), 8u);
  EXPECT_EQ(find_invalid_utf8("a\xc0\x80"), 1u);         // overlong
  EXPECT_EQ(find_invalid_utf8("ab\xed\xa0\x80"), 2u);    // surrogate
  EXPECT_EQ(find_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xe2\x82"), 0u);          // cut short
  EXPECT_THROW(require_utf8("abc\x80", "text"), Error);
}

// The table of Unicode 15, section 3.9: one U+FFFD for each maximal subpart.
TEST(Utf8, ReplacesMaximalSubparts) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(to_valid_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(to_valid_utf8("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), r + r + r + r + "A");
  EXPECT_EQ(to_valid_utf8("\xf0\x9f\x98"), r);
}

TEST(Utf8, WhatCannotBecomeValidIsNotIncomplete) {
  EXPECT_EQ(incomplete_suffix("\xe0\x80"), 0u);
  EXPECT_EQ(incomplete_suffix("\xff"), 0u);
  EXPECT_EQ(incomplete_suffix("\x80\x80\x80\x80"), 0u);
  EXPECT_EQ(incomplete_suffix("\xf0\x9f\x98"), 3u);
  EXPECT_EQ(incomplete_suffix(""), 0u);
}

}  // namespace
}  // namespace isobatch::text
