// Byte pair encoding of one piece: the pair of neighbours with the best rank is joined, the leftmost first
// among equals, until no pair has a rank (Sennrich et al., 2016, arXiv:1508.07909).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::text {

using TokenIndex = std::unordered_map<std::string_view, TokenId>;

class Bpe {
 public:
  // Reused from piece to piece so that encoding allocates nothing.
  struct Scratch {
    struct Symbol {
      TokenId id;
      std::uint32_t previous;
      std::uint32_t next;
      std::uint32_t rank;  // of the pair with the next symbol
      TokenId joined;      // what that pair becomes
    };
    std::vector<Symbol> symbols;
    std::vector<std::uint64_t> heap;  // rank << 32 | symbol
  };

  // Tokens in the byte-level alphabet; merges "left right", best first. Throws Error(corrupt_file) when a
  // merge names a token that does not exist.
  Bpe(const TokenIndex& tokens, std::span<const std::string> merges);

  // Appends the ids of one piece, given as bytes. A byte that no token stands for is left out.
  // O(n log n) in the length of the piece.
  void encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const;

 private:
  struct Merge {
    std::uint64_t pair;  // left << 32 | right
    std::uint32_t rank;
    TokenId joined;
  };

  std::size_t slot_of(std::uint64_t pair) const;
  void add_merge(const TokenIndex& tokens, std::string_view merge, std::uint32_t rank);
  void set_pair(Scratch& scratch, std::uint32_t at) const;

  std::array<TokenId, 256> byte_ids_;  // -1: no token for this byte
  std::vector<Merge> merges_;          // open addressing, at most half full
};

}  // namespace isobatch::text
