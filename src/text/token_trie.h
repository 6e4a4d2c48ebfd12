// Tokens by their bytes: all tokens that a text begins with, the shortest first.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::text {

class TokenTrie {
 public:
  TokenTrie() { clear_slots(64); }

  void add(std::string_view token, TokenId id);

  // Calls on_token(length in bytes, id) for each token that `text` begins with.
  template <typename OnToken>
  void find(std::string_view text, const OnToken& on_token) const {
    std::uint32_t node = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const Edge& edge = edges_[slot_of(key_of(node, text[at]))];
      if (edge.key == kEmpty) return;
      node = edge.node;
      if (ids_[node] >= 0) on_token(at + 1, ids_[node]);
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Edge {
    std::uint64_t key;  // node << 8 | byte
    std::uint32_t node;
  };
  static std::uint64_t key_of(std::uint32_t node, char byte) {
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
  }
  std::size_t slot_of(std::uint64_t key) const {
    const std::size_t mask = edges_.size() - 1;
    std::size_t slot = (key * 0x9E3779B97F4A7C15u >> 24) & mask;
    while (edges_[slot].key != key && edges_[slot].key != kEmpty) slot = (slot + 1) & mask;
    return slot;
  }
  void clear_slots(std::size_t count) { edges_.assign(count, Edge{kEmpty, 0}); }
  void grow();

  std::vector<Edge> edges_;          // open addressing, at most half full
  std::vector<TokenId> ids_ = {-1};  // [nodes]; -1: no token ends here
};

}  // namespace isobatch::text
