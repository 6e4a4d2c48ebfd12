// A small byte-level vocabulary for tests: every byte, a few merges and a few special tokens.
#pragma once

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace isobatch::text {

// Ids: 0 "<s>", 1 "</s>", 2 "<s>more" (all control), 3 "<tool>" (user_defined), 4 + byte, then "he", "ll",
// "hell".
inline TokenizerSpec small_spec() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre_tokenizer = "gpt-2";
  spec.tokens = {"<s>", "</s>", "<s>more", "<tool>"};
  spec.types = {TokenType::control, TokenType::control, TokenType::control, TokenType::user_defined};
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.emplace_back(byte_to_alphabet(static_cast<unsigned char>(byte)));
  }
  for (const char* token : {"he", "ll", "hell"}) spec.tokens.emplace_back(token);
  spec.types.resize(spec.tokens.size(), TokenType::normal);
  spec.merges = {"h e", "l l", "he ll"};
  spec.bos = 0;
  spec.eos = 1;
  spec.end_tokens = {1};
  return spec;
}

inline constexpr TokenId small_id(unsigned char byte) { return 4 + byte; }

}  // namespace isobatch::text
