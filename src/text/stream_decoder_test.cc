#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include <random>

#include "text/tokenizer_test_support.h"
#include "text/utf8.h"

namespace isobatch::text {
namespace {

TEST(StreamDecoder, HoldsASplitCharacterBack) {
  const auto tokenizer = Tokenizer::create(small_spec());
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(small_id('a')), "a");
  EXPECT_EQ(decoder.push(small_id(0xF0)), "");
  EXPECT_EQ(decoder.push(small_id(0x9F)), "");
  EXPECT_EQ(decoder.push(0), "");  // a control token between
  EXPECT_EQ(decoder.push(small_id(0x98)), "");
  EXPECT_EQ(decoder.push(small_id(0x80)), "😀");
  EXPECT_EQ(decoder.push(small_id(0xE2)), "");
  EXPECT_EQ(decoder.push(small_id('b')),
            "\xef\xbf\xbd"
            "b");
  EXPECT_EQ(decoder.push(small_id(0xE2)), "");
  EXPECT_EQ(decoder.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(decoder.finish(), "");
}

// Bytes at random, mostly those of which multi-byte characters are made.
TEST(StreamDecoder, PiecesJoinedEqualDecodeAndAreUtf8) {
  const auto tokenizer = Tokenizer::create(small_spec());
  std::mt19937 random(7);
  const unsigned char bytes[] = {'a',  0x80, 0x82, 0x9F, 0xAC, 0xBF, 0xC3,
                                 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF4, 0xFF};
  for (int round = 0; round < 20000; ++round) {
    std::vector<TokenId> ids(random() % 12);
    for (TokenId& id : ids)
      id = random() % 10 == 0 ? static_cast<TokenId>(random() % 4) : small_id(bytes[random() % 14]);
    StreamDecoder decoder(*tokenizer);
    std::string joined;
    for (const TokenId id : ids) {
      const std::string piece = decoder.push(id);
      ASSERT_FALSE(find_invalid_utf8(piece));
      joined += piece;
    }
    joined += decoder.finish();
    ASSERT_EQ(joined, tokenizer->decode(ids));
  }
}

}  // namespace
}  // namespace isobatch::text
