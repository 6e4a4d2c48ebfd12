#include "engine/constraints.h"

#include <algorithm>
#include <string_view>

namespace isobatch::engine {
namespace {

constexpr std::size_t kMostKnown = 16;

std::shared_ptr<const grammar::Vocabulary> make_vocabulary(const text::Tokenizer& tokenizer) {
  std::vector<std::string_view> tokens(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_control(id)) tokens[id] = tokenizer.bytes(id);
  }
  std::vector<TokenId> ends = tokenizer.spec().end_tokens;
  for (const TokenId id : ends) tokens[id] = {};
  return std::make_shared<grammar::Vocabulary>(tokens, ends);
}

}  // namespace

std::shared_ptr<grammar::Matcher> Constraints::find(const Constraint& constraint) {
  const auto known = std::ranges::find(known_, constraint, [](const auto& pair) { return pair.first; });
  if (known != known_.end()) {
    std::rotate(known, known + 1, known_.end());
    return known_.back().second;
  }
  if (!vocabulary_) vocabulary_ = make_vocabulary(tokenizer_);
  auto matcher =
      std::make_shared<grammar::Matcher>(constraint, vocabulary_, tokenizer_.spec().strip_decoded_space);
  if (known_.size() == kMostKnown) known_.erase(known_.begin());  // requests that have it keep it
  known_.emplace_back(constraint, std::move(matcher));
  return known_.back().second;
}

bool ConstrainedText::complete(std::span<const TokenId> generated) {
  return matcher_->complete(follow(generated));
}

std::size_t ConstrainedText::count_allowed(std::span<const TokenId> generated,
                                           std::span<const TokenId> draft) {
  grammar::Matcher::State state = follow(generated);
  for (std::size_t i = 0; i < draft.size(); ++i) {
    state = matcher_->advance(state, draft[i]);
    if (matcher_->dead(state) || matcher_->complete(state)) return i;
  }
  return draft.size();
}

std::shared_ptr<const grammar::TokenMask> ConstrainedText::mask(std::span<const TokenId> generated,
                                                                std::span<const TokenId> draft, bool ends) {
  grammar::Matcher::State state = follow(generated);
  for (const TokenId token : draft) state = matcher_->advance(state, token);
  return matcher_->mask(state, ends);
}

grammar::Matcher::State ConstrainedText::follow(std::span<const TokenId> generated) {
  matcher_->trim();
  if (matcher_->outdated(state_)) {
    state_ = matcher_->start();
    followed_ = 0;
  }
  for (; followed_ < generated.size(); ++followed_) {
    state_ = matcher_->advance(state_, generated[followed_]);
  }
  return state_;
}

}  // namespace isobatch::engine
