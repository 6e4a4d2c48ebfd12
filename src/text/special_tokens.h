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
    std::size_t length;
    TokenId id;
  };

  // `text` must not be empty.
  void add(std::string text, TokenId id);
  // To be called when all have been added.
  void prepare();

  std::optional<Match> find(std::string_view text, std::size_t start) const;

 private:
  struct Entry {
    std::string text;
    TokenId id;
  };
  const Entry* longest_at(std::string_view text, std::size_t offset) const;

  std::vector<Entry> entries_;              // sorted by text
  std::array<bool, 256> first_bytes_ = {};  // bytes that an entry begins with
};

}  // namespace isobatch::text
