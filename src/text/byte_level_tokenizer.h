// Byte-level BPE ("gpt2" in GGUF): special tokens, then the pre-tokenizer's pieces, then BPE in each piece.
#pragma once

#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace isobatch::text {

class ByteLevelTokenizer final : public Tokenizer {
 public:
  // `spec` has been checked by Tokenizer::create; `index` holds its tokens.
  ByteLevelTokenizer(TokenizerSpec spec, const TokenIndex& index);

  std::vector<TokenId> encode(std::string_view text, bool add_special, bool parse_special) const override;
  std::string_view bytes(TokenId id) const override;

 private:
  void encode_plain(std::string_view text, Bpe::Scratch& scratch, std::vector<TokenId>& ids) const;

  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  SpecialTokens special_;
  std::string bytes_;                  // of all tokens, one after the other
  std::vector<std::size_t> byte_end_;  // [vocab_size]
};

}  // namespace isobatch::text
