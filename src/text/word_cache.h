// The ids of words met before, within one text: most words of a long text come back.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::text {

class WordCache {
 public:
  // Appends the ids of `word`, which encode(word, ids) appends when it is new. What `word` points to must
  // live as long as the cache.
  template <typename Encode>
  void append(std::string_view word, std::vector<TokenId>& ids, const Encode& encode) {
    if (word.size() > kMaxBytes) return encode(word, ids);
    if (const auto found = spans_.find(word); found != spans_.end()) {
      const auto begin = known_.begin() + static_cast<std::ptrdiff_t>(found->second.begin);
      ids.insert(ids.end(), begin, begin + static_cast<std::ptrdiff_t>(found->second.count));
      return;
    }
    const std::size_t before = ids.size();
    encode(word, ids);
    if (spans_.size() == kMaxWords) return;
    spans_.emplace(word, Span{known_.size(), ids.size() - before});
    known_.insert(known_.end(), ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
  }

 private:
  static constexpr std::size_t kMaxBytes = 64, kMaxWords = std::size_t{1} << 16;
  struct Span {
    std::size_t begin, count;
  };
  std::unordered_map<std::string_view, Span> spans_;
  std::vector<TokenId> known_;
};

}  // namespace isobatch::text
