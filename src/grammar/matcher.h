// A request's constraint, followed through the tokens of its answers.
#pragma once

#include <memory>

#include "grammar/token_masks.h"
#include "isobatch/request.h"

namespace isobatch::grammar {

// Compiles the constraint into an automaton. `skips_space`: a text loses one space at its beginning. Throws
// Error(invalid_argument).
std::unique_ptr<Automaton> compile(const Constraint& constraint, bool skips_space);

// Not for several threads at once. Requests with equal constraints share one: what it keeps makes it faster
// and changes nothing.
class Matcher {
 public:
  // `most_terms`: beyond those that every walk begins with, the size at which trim() forgets them.
  Matcher(const Constraint& constraint, std::shared_ptr<const Vocabulary> vocabulary, bool skips_space,
          std::size_t most_terms = 100'000);

  // Where a text is. States become outdated by trim(); then the text is followed anew from start().
  struct State {
    Term term = kEmpty;
    std::uint32_t epoch = 0;
  };
  State start() const { return {automaton_->start(), epoch_}; }
  bool outdated(const State& state) const { return state.epoch != epoch_; }
  State advance(const State& state, TokenId token);
  bool dead(const State& state) const { return state.term == kEmpty; }
  bool accepts(const State& state) const { return automaton_->accepts(state.term); }
  // Accepts, and nothing may follow.
  bool complete(const State& state) { return automaton_->complete(state.term); }

  // The tokens that may come next, with `ends` those that end an answer where it may end. Throws as
  // TokenMasks::find().
  std::shared_ptr<const TokenMask> mask(const State& state, bool ends) {
    return masks_.find(state.term, ends && accepts(state));
  }

  // Keeps memory within bounds.
  void trim();

 private:
  std::unique_ptr<Automaton> automaton_;
  TokenMasks masks_;
  std::size_t most_terms_;
  std::uint32_t epoch_ = 0;
};

}  // namespace isobatch::grammar
