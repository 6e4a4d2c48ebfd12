// Finds special tokens in text: the earliest one, the longest among those that begin there.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::text {

class SpecialTokens {
 public:
  struct Match {
    std::size_t offset;
    std::size_t length;  // with the white space that it takes
    TokenId id;
  };

  // `text` must not be empty. The token takes the white space (Unicode's) before or after it.
  void add(std::string text, TokenId id, bool strip_left = false, bool strip_right = false);
  // To be called when all have been added.
  void prepare();
  bool empty() const { return entries_.empty(); }

  std::optional<Match> find(std::string_view text, std::size_t start) const;
  // Of the longest token that begins at `offset`, without white space; 0 when there is none.
  std::size_t length_at(std::string_view text, std::size_t offset) const;

 private:
  struct Entry {
    std::string text;
    TokenId id;
    bool strip_left;
    bool strip_right;
  };
  const Entry* longest_at(std::string_view text, std::size_t offset) const;

  std::vector<Entry> entries_;              // sorted by text
  std::array<bool, 256> first_bytes_ = {};  // bytes that an entry begins with
};

}  // namespace isobatch::text
