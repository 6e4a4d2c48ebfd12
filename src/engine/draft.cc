#include "engine/draft.h"

#include <xxhash.h>

#include <algorithm>

namespace isobatch::engine {
namespace {

std::uint64_t key(std::span<const TokenId> ngram) { return XXH3_64bits(ngram.data(), ngram.size_bytes()); }

}  // namespace

std::vector<TokenId> DraftIndex::draft(std::span<const TokenId> tokens, int most) {
  const int length = static_cast<int>(tokens.size());
  // The n-grams at the very end wait for the token behind them, so the look-up below finds earlier ones.
  for (; indexed_ < length; ++indexed_) {
    for (int n = kMinNgram; n <= std::min(kMaxNgram, indexed_); ++n) {
      behind_[key(tokens.subspan(indexed_ - n, n))] = indexed_;
    }
  }
  std::vector<TokenId> draft;
  for (int n = std::min(kMaxNgram, length); n >= kMinNgram && draft.empty(); --n) {
    const auto found = behind_.find(key(tokens.last(n)));
    if (found == behind_.end()) continue;
    for (int i = 0, position = found->second; i < most; ++i, ++position) {
      draft.push_back(position < length ? tokens[position] : draft[position - length]);
    }
  }
  return draft;
}

}  // namespace isobatch::engine
