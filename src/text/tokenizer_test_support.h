// Small vocabularies for tests.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace isobatch::text {

// Byte-level. Ids: 0 "<s>", 1 "</s>", 2 "<s>more" (all control), 3 "<tool>" (user_defined), 4 + byte, then
// "he", "ll", "hell".
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

// Of SentencePiece's kind ("llama" or "t5"). Ids: 0 <unk>, 1 <s>, 2 </s>, 3 + byte, then the tokens given,
// the first with the highest score.
inline TokenizerSpec small_sentencepiece_spec(const std::string& model,
                                              const std::vector<std::string>& tokens) {
  TokenizerSpec spec;
  spec.model = model;
  spec.tokens = {"<unk>", "<s>", "</s>"};
  spec.types = {TokenType::unknown, TokenType::control, TokenType::control};
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    spec.types.push_back(TokenType::byte);
  }
  for (const std::string& token : tokens) spec.tokens.push_back(token);
  spec.types.resize(spec.tokens.size(), TokenType::normal);
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) spec.scores.push_back(-static_cast<double>(id));
  spec.unknown = 0;
  spec.bos = 1;
  spec.eos = 2;
  return spec;
}
inline constexpr TokenId kSmallFirst = 259;
inline constexpr TokenId small_byte_id(unsigned char byte) { return 3 + byte; }

}  // namespace isobatch::text
