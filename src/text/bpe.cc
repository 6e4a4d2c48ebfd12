#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>

#include "isobatch/error.h"
#include "text/byte_alphabet.h"

namespace isobatch::text {
namespace {

constexpr std::uint64_t kEmptyPair = ~std::uint64_t{0};
constexpr std::uint32_t kNoRank = ~std::uint32_t{0};
constexpr std::uint32_t kNone = ~std::uint32_t{0};

std::uint64_t pair_of(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

TokenId require_token(const TokenIndex& tokens, std::string_view token, std::string_view merge,
                      std::uint32_t rank) {
  const auto found = tokens.find(token);
  if (found == tokens.end()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("tokenizer: merge {} (\"{}\") needs the token \"{}\", which does not exist", rank,
                            merge, token));
  }
  return found->second;
}

}  // namespace

Bpe::Bpe(const TokenIndex& tokens, std::span<const std::string> merges) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = tokens.find(byte_to_alphabet(static_cast<unsigned char>(byte)));
    byte_ids_[byte] = found == tokens.end() ? -1 : found->second;
  }
  merges_.assign(std::bit_ceil(2 * merges.size() + 1), Merge{kEmptyPair, kNoRank, -1});
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    add_merge(tokens, merges[rank], static_cast<std::uint32_t>(rank));
  }
}

void Bpe::add_merge(const TokenIndex& tokens, std::string_view merge, std::uint32_t rank) {
  const std::size_t space = merge.find(' ');
  if (space == merge.npos || merge.find(' ', space + 1) != merge.npos) {
    throw Error(
        ErrorCode::corrupt_file,
        fmt::format("tokenizer: merge {}: expected two tokens and a space, found \"{}\"", rank, merge));
  }
  const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
  const std::uint64_t pair =
      pair_of(require_token(tokens, left, merge, rank), require_token(tokens, right, merge, rank));
  const TokenId joined = require_token(tokens, std::string(left) += right, merge, rank);
  Merge& slot = merges_[slot_of(pair)];
  if (slot.pair == kEmptyPair) slot = {pair, rank, joined};  // a repeated pair keeps its best rank
}

std::size_t Bpe::slot_of(std::uint64_t pair) const {
  const std::size_t mask = merges_.size() - 1;
  std::size_t slot = (pair * 0x9E3779B97F4A7C15u >> 24) & mask;
  while (merges_[slot].pair != pair && merges_[slot].pair != kEmptyPair) slot = (slot + 1) & mask;
  return slot;
}

void Bpe::set_pair(Scratch& scratch, std::uint32_t at) const {
  Scratch::Symbol& symbol = scratch.symbols[at];
  symbol.rank = kNoRank;
  if (symbol.next == kNone) return;
  const Merge& merge = merges_[slot_of(pair_of(symbol.id, scratch.symbols[symbol.next].id))];
  symbol.rank = merge.rank;
  symbol.joined = merge.joined;
}

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  for (const char c : piece) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) continue;
    const auto at = static_cast<std::uint32_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1, kNoRank, -1});  // at - 1 of the first is kNone
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  const auto push = [&](std::uint32_t at) {
    set_pair(scratch, at);
    if (symbols[at].rank == kNoRank) return;
    heap.push_back(std::uint64_t{symbols[at].rank} << 32 | at);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (std::uint32_t at = 0; at < symbols.size(); ++at) push(at);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto at = static_cast<std::uint32_t>(heap.back());
    const auto rank = static_cast<std::uint32_t>(heap.back() >> 32);
    heap.pop_back();
    Scratch::Symbol& left = symbols[at];
    if (left.rank != rank) continue;  // one of the two has been joined to another since
    Scratch::Symbol& right = symbols[left.next];
    left.id = left.joined;
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next != kNone) symbols[left.next].previous = at;
    push(at);
    if (left.previous != kNone) push(left.previous);
  }
  for (std::uint32_t at = 0; at != kNone; at = symbols[at].next) ids.push_back(symbols[at].id);
}

}  // namespace isobatch::text
