#include "grammar/token_masks.h"

#include <algorithm>

#include "isobatch/error.h"

namespace isobatch::grammar {
namespace {

constexpr std::uint64_t kMostWork = 1 << 17;  // nodes of terms that a walk derives
constexpr std::size_t kMostMaskBytes = 32 << 20;

}  // namespace

Vocabulary::Vocabulary(std::span<const std::string_view> tokens, std::span<const TokenId> ends)
    : texts_(tokens.begin(), tokens.end()), ends_(ends.begin(), ends.end()) {
  std::vector<TokenId> order;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) order.push_back(static_cast<TokenId>(id));
  }
  std::ranges::stable_sort(order, {}, [this](TokenId id) { return texts_[id]; });
  std::vector<std::uint32_t> path;  // of the token before
  std::string_view before;
  for (const TokenId id : order) {
    const std::string_view text = texts_[id];
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(before, text).in1 - before.begin());
    for (; path.size() > common; path.pop_back()) {
      nodes_[path.back()].next = static_cast<std::uint32_t>(nodes_.size());
    }
    for (std::size_t i = common; i < text.size(); ++i) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      const auto tokens_so_far = static_cast<std::uint32_t>(tokens_.size());
      nodes_.push_back({static_cast<std::uint8_t>(text[i]), static_cast<std::uint32_t>(i), 0, tokens_so_far});
    }
    tokens_.push_back(id);
    nodes_.back().tokens_end = static_cast<std::uint32_t>(tokens_.size());
    longest_ = std::max(longest_, static_cast<std::uint32_t>(text.size()));
    before = text;
  }
  for (const std::uint32_t node : path) nodes_[node].next = static_cast<std::uint32_t>(nodes_.size());
}

TokenMasks::TokenMasks(Automaton& automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : automaton_(automaton), vocabulary_(std::move(vocabulary)), path_(vocabulary_->longest() + 1) {}

std::shared_ptr<const TokenMask> TokenMasks::find(Term state, bool ends) {
  const Term near = automaton_.within(state, vocabulary_->longest());
  const std::uint64_t key = std::uint64_t{near} << 1 | (ends ? 1 : 0);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  TokenMask mask = walk(near);
  if (ends) {
    for (const TokenId id : vocabulary_->ends()) mask.bits[id / 64] |= std::uint64_t{1} << (id % 64);
    mask.count += vocabulary_->ends().size();
  }
  if ((known_.size() + 1) * mask.bits.size() * sizeof(std::uint64_t) > kMostMaskBytes) known_.clear();
  return known_[key] = std::make_shared<const TokenMask>(std::move(mask));
}

TokenMask TokenMasks::walk(Term state) {
  TokenMask mask;
  mask.bits.resize((static_cast<std::size_t>(vocabulary_->size()) + 63) / 64);
  const std::span<const Vocabulary::Node> nodes = vocabulary_->nodes();
  const std::span<const TokenId> tokens = vocabulary_->tokens();
  ++walks_;
  std::uint64_t work = 0;
  path_[0] = state;
  for (std::uint32_t i = 0; i < nodes.size();) {
    const Vocabulary::Node& node = nodes[i];
    const Term next = automaton_.next(path_[node.depth], node.byte);
    if (next == kEmpty) {
      i = node.next;
      continue;
    }
    if (next >= seen_.size()) seen_.resize(automaton_.size());
    if (seen_[next] != walks_) {
      seen_[next] = walks_;
      work += automaton_.pool().node(next).breadth;
      if (work > kMostWork) {
        throw Error(ErrorCode::invalid_argument, "constraint: too many ways to go on");
      }
    }
    path_[node.depth + 1] = next;
    for (std::uint32_t t = i == 0 ? 0 : nodes[i - 1].tokens_end; t < node.tokens_end; ++t, ++mask.count) {
      mask.bits[tokens[t] / 64] |= std::uint64_t{1} << (tokens[t] % 64);
    }
    ++i;
  }
  return mask;
}

}  // namespace isobatch::grammar
