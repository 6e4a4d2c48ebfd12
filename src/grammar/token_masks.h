// Which tokens may come next: the automaton walked along all tokens of a vocabulary at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/automaton.h"
#include "isobatch/request.h"

namespace isobatch::grammar {

// The tokens of a vocabulary by their bytes, as a tree in the order of a walk. Does not change; matchers
// share it.
class Vocabulary {
 public:
  // `tokens`: [vocab_size]; empty for those that stand for no text. `ends`: those that end an answer.
  Vocabulary(std::span<const std::string_view> tokens, std::span<const TokenId> ends);

  struct Node {
    std::uint8_t byte;
    std::uint32_t depth;       // from 0
    std::uint32_t next;        // the first node behind its subtree
    std::uint32_t tokens_end;  // of the tokens that end here; they begin where those of the node before end
  };
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const TokenId> tokens() const { return tokens_; }  // in the order of the nodes
  std::span<const TokenId> ends() const { return ends_; }
  std::string_view bytes(TokenId token) const { return texts_[token]; }
  int size() const { return static_cast<int>(texts_.size()); }
  std::uint32_t longest() const { return longest_; }  // in bytes

 private:
  std::vector<std::string_view> texts_;
  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;
  std::vector<TokenId> ends_;
  std::uint32_t longest_ = 0;
};

struct TokenMask {
  std::vector<std::uint64_t> bits;  // [vocab_size / 64, rounded up]: token t is bit t % 64 of word t / 64
  std::size_t count = 0;
  bool has(TokenId token) const { return bits[token / 64] >> (token % 64) & 1; }
};

class TokenMasks {
 public:
  TokenMasks(Automaton& automaton, std::shared_ptr<const Vocabulary> vocabulary);

  // Tokens whose bytes may follow in `state`, and with `ends` those that end an answer. Masks are kept.
  // Throws Error(invalid_argument) when finding it takes too much work; whether it does depends on `state`
  // alone.
  std::shared_ptr<const TokenMask> find(Term state, bool ends);
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  void clear() { known_.clear(); }

 private:
  TokenMask walk(Term state);

  Automaton& automaton_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const TokenMask>> known_;  // by state and `ends`
  std::vector<Term> path_;                                                     // [longest + 1]
  std::vector<std::uint32_t> seen_;  // [terms]: the walk that met it last
  std::uint32_t walks_ = 0;
};

}  // namespace isobatch::grammar
