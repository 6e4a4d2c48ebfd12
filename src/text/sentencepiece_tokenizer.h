// SentencePiece's BPE ("llama" in GGUF): merges by the score of what they make, or by a list of merges;
// characters without a token become their bytes. Kudo and Richardson, 2018, arXiv:1808.06226.
#pragma once

#include <optional>
#include <unordered_map>

#include "text/merge_table.h"
#include "text/sentencepiece_tokens.h"
#include "text/tokenizer.h"
#include "text/word_borders.h"

namespace isobatch::text {

class SentencePieceTokenizer final : public Tokenizer {
 public:
  // `spec` has been checked by Tokenizer::create; `index` holds its tokens.
  SentencePieceTokenizer(TokenizerSpec spec, const TokenIndex& index);

 protected:
  void encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const override;

 private:
  struct Scratch;
  void rank_tokens();
  void encode_word(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;
  void append(std::string_view text, TokenId id, Scratch& scratch, std::vector<TokenId>& ids) const;
  MergedPair find_joined(std::string_view text) const;

  TokenIndex index_;                  // of the tokens that text can become; points into spec_
  std::optional<MergeTable> merges_;  // without them, ranks_ says what is joined first
  std::vector<std::uint32_t> ranks_;  // [vocab_size]: order of the scores, the highest is 0
  bool has_unused_ = false;
  WordBorders borders_;
  ByteFallback fallback_;
};

}  // namespace isobatch::text
