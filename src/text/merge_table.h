// The merges of a BPE vocabulary: pairs of tokens with the rank of joining them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/request.h"
#include "text/merge_symbols.h"
#include "text/token_index.h"

namespace isobatch::text {

class MergeTable {
 public:
  // Merges "left right", best first. Throws Error(corrupt_file) when one names a token that does not exist.
  MergeTable(const TokenIndex& tokens, std::span<const std::string> merges);

  MergedPair find(TokenId left, TokenId right) const;

 private:
  struct Merge {
    std::uint64_t pair;  // left << 32 | right
    MergedPair merged;
  };
  std::size_t slot_of(std::uint64_t pair) const;
  void add(const TokenIndex& tokens, std::string_view merge, std::uint32_t rank);

  std::vector<Merge> merges_;  // open addressing, at most half full
};

}  // namespace isobatch::text
