// Byte-level BPE ("gpt2" in GGUF): special tokens, then the pre-tokenizer's pieces, then BPE in each piece.
#pragma once

#include <string_view>
#include <unordered_map>

#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace isobatch::text {

class ByteLevelTokenizer final : public Tokenizer {
 public:
  // `spec` has been checked by Tokenizer::create; `index` holds its tokens.
  ByteLevelTokenizer(TokenizerSpec spec, const TokenIndex& index);

 protected:
  void encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const override;

 private:
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  std::unordered_map<std::string_view, TokenId> whole_pieces_;  // by bytes; only with spec().ignore_merges
};

}  // namespace isobatch::text
