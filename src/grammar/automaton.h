// A language as an automaton that is built as far as somebody walks: its states are terms, a step is a
// derivative (Brzozowski 1964). Calls make it a pushdown automaton: what is to come after a rule is the rest
// of the term.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/term.h"

namespace isobatch::grammar {

class Automaton {
 public:
  Automaton() = default;
  Automaton(const Automaton&) = delete;
  Automaton& operator=(const Automaton&) = delete;

  // Terms are made here, until seal().
  TermPool& pool() { return pool_; }
  const TermPool& pool() const { return pool_; }
  // Says at seal() that no string matches, naming `what`, where an intersection in `term`
  // (a choice or a sequence of such) has none.
  void require_some(Term term, std::string what) { required_.emplace_back(term, std::move(what)); }
  void name_rule(Rule rule, std::string what) { rule_names_[rule] = std::move(what); }

  // Makes `start` the language. Throws Error(invalid_argument): no string matches it, a rule never ends, or
  // calls itself before any byte, an intersection has too many states.
  void seal(Term start);

  Term start() const { return start_; }
  // What may follow `byte`; kEmpty when nothing does. Otherwise there is a string that leads to a state that
  // accepts.
  Term next(Term state, unsigned char byte) { return step(state, class_of_[byte]); }
  bool accepts(Term state) const { return pool_.nullable(state); }
  // Accepts, and no byte may follow.
  bool complete(Term state);

  // A state that takes the same strings of up to `bytes` bytes: further ones do not tell counts apart that
  // cannot be reached. So the states of a long counted text share what is computed of one.
  Term within(Term state, std::uint32_t bytes);

  // Forgets all states but those that every walk begins with; states made since seal() are no longer valid.
  void reset();
  std::size_t size() const { return pool_.size(); }
  std::size_t grown() const { return pool_.size() - sealed_terms_; }  // terms made since seal()

 private:
  void make_classes();
  void check_rules();
  void check_heads();
  void explore_intersections();
  bool has_dead_part(Term term) const;
  Term step(Term state, unsigned byte_class);
  Term derive(Term state, unsigned byte_class);
  Term derive_concat(Term state, unsigned byte_class);
  Term derive_children(Term state, unsigned byte_class);
  Term shorten(Term state, std::uint32_t bytes);
  void add_row(Term state);

  TermPool pool_;
  Term start_ = kEmpty;
  std::vector<std::pair<Term, std::string>> required_;
  std::unordered_map<Rule, std::string> rule_names_;

  // Bytes that no set of the grammar tells apart.
  std::array<std::uint8_t, 256> class_of_ = {};
  std::vector<std::uint8_t> byte_of_;  // one of each class

  static constexpr Term kUnknown = ~Term{0};
  std::vector<std::uint32_t> row_of_;  // [terms], or kUnknown
  std::vector<Term> rows_;             // [rows][classes]
  std::vector<char> dead_;             // [terms at seal()]: an intersection that no string matches
  std::uint32_t shortened_to_ = 0;
  std::unordered_map<Term, Term> shortened_;

  std::size_t sealed_terms_ = 0;
  std::size_t sealed_rows_ = 0;
};

}  // namespace isobatch::grammar
