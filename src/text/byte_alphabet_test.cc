#include "text/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>

namespace isobatch::text {
namespace {

TEST(ByteAlphabet, IsOneToOne) {
  std::set<std::string_view> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string_view c = byte_to_alphabet(static_cast<unsigned char>(byte));
    characters.insert(c);
    EXPECT_EQ(alphabet_to_bytes(c), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteAlphabet, KnownCharacters) {
  EXPECT_EQ(byte_to_alphabet('A'), "A");
  EXPECT_EQ(byte_to_alphabet(' '), "Ġ");
  EXPECT_EQ(byte_to_alphabet('\n'), "Ċ");
  EXPECT_EQ(byte_to_alphabet(0xAD), "Ń");
  EXPECT_EQ(alphabet_to_bytes("ĠâĤ¬"), " €");
}

TEST(ByteAlphabet, OtherCharactersAreNotInIt) {
  EXPECT_EQ(alphabet_to_bytes("a b"), std::nullopt);
  EXPECT_EQ(alphabet_to_bytes("日"), std::nullopt);
  EXPECT_EQ(alphabet_to_bytes("a\xff"), std::nullopt);
}

}  // namespace
}  // namespace isobatch::text
