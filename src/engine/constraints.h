// Constraints of requests: compiled once each, and followed through answers.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "grammar/matcher.h"
#include "isobatch/request.h"
#include "text/tokenizer.h"

namespace isobatch::engine {

class Constraints {
 public:
  // The tokenizer must outlive it.
  explicit Constraints(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // Throws Error(invalid_argument) when it cannot be compiled.
  std::shared_ptr<grammar::Matcher> find(const Constraint& constraint);

 private:
  const text::Tokenizer& tokenizer_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;  // made for the first constraint
  std::vector<std::pair<Constraint, std::shared_ptr<grammar::Matcher>>> known_;  // the last used at the end
};

// One answer.
class ConstrainedText {
 public:
  explicit ConstrainedText(std::shared_ptr<grammar::Matcher> matcher)
      : matcher_(std::move(matcher)), state_(matcher_->start()) {}

  // `generated`: the tokens so far; they begin with those of the call before. Whether nothing may follow
  // them.
  bool complete(std::span<const TokenId> generated);
  // How many tokens of `draft` may follow them, without one that nothing may follow.
  std::size_t count_allowed(std::span<const TokenId> generated, std::span<const TokenId> draft);
  // The tokens that may follow both; `ends`: end tokens, too, where the text may end. Throws
  // Error(invalid_argument) when finding them takes too much work.
  std::shared_ptr<const grammar::TokenMask> mask(std::span<const TokenId> generated,
                                                 std::span<const TokenId> draft, bool ends);

 private:
  grammar::Matcher::State follow(std::span<const TokenId> generated);

  std::shared_ptr<grammar::Matcher> matcher_;
  grammar::Matcher::State state_;
  std::size_t followed_ = 0;  // tokens
};

}  // namespace isobatch::engine
