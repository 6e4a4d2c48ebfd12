// SentencePiece's unigram model ("t5" in GGUF): the cut of the text whose tokens' scores have the greatest
// sum, found by Viterbi's algorithm. Kudo, 2018, arXiv:1804.10959.
#pragma once

#include "text/sentencepiece_tokens.h"
#include "text/token_index.h"
#include "text/token_trie.h"
#include "text/tokenizer.h"

namespace isobatch::text {

class UnigramTokenizer final : public Tokenizer {
 public:
  // `spec` has been checked by Tokenizer::create; `index` holds its tokens.
  UnigramTokenizer(TokenizerSpec spec, const TokenIndex& index);

 protected:
  void encode_segments(std::span<const Segment> segments, std::vector<TokenId>& ids) const override;

 private:
  struct Scratch;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;

  std::vector<double> scores_;  // [vocab_size]
  double unknown_score_ = 0;    // of a character without a token
  TokenTrie trie_;
  ByteFallback fallback_;
};

}  // namespace isobatch::text
