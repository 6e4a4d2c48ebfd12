#include "text/token_trie.h"

#include <utility>

namespace isobatch::text {

void TokenTrie::add(std::string_view token, TokenId id) {
  std::uint32_t node = 0;
  for (const char byte : token) {
    if (2 * ids_.size() > edges_.size()) grow();
    Edge& edge = edges_[slot_of(key_of(node, byte))];
    if (edge.key == kEmpty) {
      edge = {key_of(node, byte), static_cast<std::uint32_t>(ids_.size())};
      ids_.push_back(-1);
    }
    node = edge.node;
  }
  ids_[node] = id;
}

void TokenTrie::grow() {
  const std::vector<Edge> old = std::move(edges_);
  clear_slots(2 * old.size());
  for (const Edge& edge : old) {
    if (edge.key != kEmpty) edges_[slot_of(edge.key)] = edge;
  }
}

}  // namespace isobatch::text
