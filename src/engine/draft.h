// Guesses the tokens that come next from those of the request itself: prompt lookup decoding (Saxena 2023,
// https://github.com/apoorvumang/prompt-lookup-decoding). A wrong guess costs time, never bits.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::engine {

inline constexpr int kMaxNgram = 3;
inline constexpr int kMinNgram = 2;  // docs/results/speculation.md has the figures

// An index of one sequence's n-grams. It grows with the sequence: a few hash look-ups for each token.
class DraftIndex {
 public:
  // What followed the latest earlier occurrence of the last n tokens, for the greatest n that has one; where
  // that runs into the end of `tokens`, it goes on with itself. `most` tokens, or none. `tokens` begins with
  // those of the call before.
  std::vector<TokenId> draft(std::span<const TokenId> tokens, int most);

 private:
  // By the hash of an n-gram: the position behind its latest occurrence. A collision is a bad guess.
  std::unordered_map<std::uint64_t, int> behind_;
  int indexed_ = 0;  // n-grams that end before this position are known
};

}  // namespace isobatch::engine
