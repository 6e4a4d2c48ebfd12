// Byte pair encoding of one piece, from its bytes.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/merge_table.h"

namespace isobatch::text {

class Bpe {
 public:
  using Scratch = MergeScratch;

  // Tokens in the byte-level alphabet; merges "left right", best first. Throws Error(corrupt_file) when a
  // merge names a token that does not exist.
  Bpe(const TokenIndex& tokens, std::span<const std::string> merges);

  // Appends the ids of one piece, given as bytes. A byte that no token stands for is left out.
  // O(n log n) in the length of the piece.
  void encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const;

 private:
  std::array<TokenId, 256> byte_ids_;  // -1: no token for this byte
  MergeTable merges_;
};

}  // namespace isobatch::text
