// Tokens to text, piece by piece, never splitting a UTF-8 character.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace isobatch::text {

// The pieces, joined, equal Tokenizer::decode of all tokens, whatever the tokens are.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer)
      : tokenizer_(&tokenizer), strip_space_(tokenizer.spec().strip_decoded_space) {}

  // Text that is complete after this token; may be empty. Control tokens give nothing.
  std::string push(TokenId id);
  // What was held back, as U+FFFD.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool strip_space_;     // nothing has come yet, and a space would be the prefix that encoding adds
  std::string pending_;  // the beginning of a UTF-8 character, at most 3 bytes
};

}  // namespace isobatch::text
