#include "formats/base64.h"

#include <gtest/gtest.h>

namespace isobatch::formats {
namespace {

// RFC 4648, section 10.
TEST(Base64, Decodes) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9v"), "foo");
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("/+8A"), std::string_view("\xff\xef\0", 3));
}

TEST(Base64, RefusesWhatEncodingDoesNotGive) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zm 8", "Zg==Zg==", "Zm9v\n", "-_8A"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace isobatch::formats
