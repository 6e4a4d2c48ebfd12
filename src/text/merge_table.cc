#include "text/merge_table.h"

#include <fmt/format.h>

#include <bit>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

constexpr std::uint64_t kEmptyPair = ~std::uint64_t{0};

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

MergeTable::MergeTable(const TokenIndex& tokens, std::span<const std::string> merges) {
  merges_.assign(std::bit_ceil(2 * merges.size() + 1), Merge{kEmptyPair, {}});
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    add(tokens, merges[rank], static_cast<std::uint32_t>(rank));
  }
}

void MergeTable::add(const TokenIndex& tokens, std::string_view merge, std::uint32_t rank) {
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
  if (slot.pair == kEmptyPair) slot = {pair, {rank, joined}};  // a repeated pair keeps its best rank
}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = merges_.size() - 1;
  std::size_t slot = (pair * 0x9E3779B97F4A7C15u >> 24) & mask;
  while (merges_[slot].pair != pair && merges_[slot].pair != kEmptyPair) slot = (slot + 1) & mask;
  return slot;
}

MergedPair MergeTable::find(TokenId left, TokenId right) const {
  return merges_[slot_of(pair_of(left, right))].merged;
}

}  // namespace isobatch::text
