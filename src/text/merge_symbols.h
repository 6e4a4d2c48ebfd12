// The loop of byte pair encoding: of all pairs of neighbours, the one with the best rank is joined, the
// leftmost first among equals, until no pair has a rank (Sennrich et al., 2016, arXiv:1508.07909). O(n log
// n).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::text {

inline constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

// Reused from piece to piece so that encoding allocates nothing.
struct MergeScratch {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Symbol {
    TokenId id;
    std::uint32_t begin;  // byte offset in the piece
    std::uint32_t previous;
    std::uint32_t next;
    std::uint32_t rank;  // of the pair with the next symbol
    TokenId joined;      // what that pair becomes
  };
  std::vector<Symbol> symbols;
  std::vector<std::uint64_t> heap;  // rank << 32 | symbol

  void clear() {
    symbols.clear();
    heap.clear();
  }
  void add(TokenId id, std::size_t begin) {
    const auto at = static_cast<std::uint32_t>(symbols.size());
    symbols.push_back({id, static_cast<std::uint32_t>(begin), at - 1, at + 1, kNoRank, -1});
  }
};

// What a pair becomes; rank kNoRank: it is not joined.
struct MergedPair {
  std::uint32_t rank = kNoRank;
  TokenId joined = -1;
};

// Joins the symbols of `scratch`, `size` bytes of text, and calls on_symbol(symbol) for what is left of them,
// in order. find_pair(left, right, end of right in bytes) is the vocabulary's MergedPair.
template <typename FindPair, typename OnSymbol>
void merge_symbols(MergeScratch& scratch, std::size_t size, const FindPair& find_pair,
                   const OnSymbol& on_symbol) {
  constexpr std::uint32_t kNone = MergeScratch::kNone;
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  if (symbols.empty()) return;
  symbols.back().next = kNone;  // `previous` of the first is kNone: 0 - 1

  const auto push = [&](std::uint32_t at) {
    MergeScratch::Symbol& left = symbols[at];
    left.rank = kNoRank;
    if (left.next == kNone) return;
    const MergeScratch::Symbol& right = symbols[left.next];
    const std::size_t end = right.next == kNone ? size : symbols[right.next].begin;
    const MergedPair pair = find_pair(left, right, end);
    if (pair.rank == kNoRank) return;
    left.rank = pair.rank;
    left.joined = pair.joined;
    heap.push_back(std::uint64_t{pair.rank} << 32 | at);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (std::uint32_t at = 0; at < symbols.size(); ++at) push(at);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto at = static_cast<std::uint32_t>(heap.back());
    const auto rank = static_cast<std::uint32_t>(heap.back() >> 32);
    heap.pop_back();
    MergeScratch::Symbol& left = symbols[at];
    if (left.rank != rank) continue;  // one of the two has been joined to another since
    MergeScratch::Symbol& right = symbols[left.next];
    left.id = left.joined;
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next != kNone) symbols[left.next].previous = at;
    push(at);
    if (left.previous != kNone) push(left.previous);
  }
  for (std::uint32_t at = 0; at != kNone; at = symbols[at].next) on_symbol(symbols[at]);
}

}  // namespace isobatch::text
