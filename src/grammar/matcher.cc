#include "grammar/matcher.h"

#include "grammar/code_points.h"
#include "grammar/regex.h"
#include "grammar/schema.h"
#include "isobatch/error.h"
#include "text/utf8.h"

namespace isobatch::grammar {
namespace {

Term language(Automaton& automaton, const Constraint& constraint) {
  if (constraint.schema) return schema_term(automaton, *constraint.schema);
  if (!constraint.choices.empty()) {
    std::vector<Term> ways;
    for (const std::string& choice : constraint.choices) {
      text::require_utf8(choice, "choice");
      if (choice.empty()) throw Error(ErrorCode::invalid_argument, "choice: a text must not be empty");
      ways.push_back(automaton.pool().literal(choice));
    }
    return automaton.pool().either(std::move(ways));
  }
  return regex_term(automaton.pool(), constraint.regex, RegexMatch::whole, utf8_term, "regex");
}

}  // namespace

std::unique_ptr<Automaton> compile(const Constraint& constraint, bool skips_space) {
  auto automaton = std::make_unique<Automaton>();
  const Term term = language(*automaton, constraint);
  automaton->seal(skips_space ? automaton->pool().skip_space(term) : term);
  return automaton;
}

Matcher::Matcher(const Constraint& constraint, std::shared_ptr<const Vocabulary> vocabulary, bool skips_space,
                 std::size_t most_terms)
    : automaton_(compile(constraint, skips_space)),
      masks_(*automaton_, std::move(vocabulary)),
      most_terms_(most_terms) {}

Matcher::State Matcher::advance(const State& state, TokenId token) {
  State next = state;
  const std::string_view bytes = masks_.vocabulary().bytes(token);
  if (bytes.empty()) next.term = kEmpty;
  for (const char byte : bytes) next.term = automaton_->next(next.term, static_cast<unsigned char>(byte));
  return next;
}

void Matcher::trim() {
  if (automaton_->grown() < most_terms_) return;
  automaton_->reset();
  masks_.clear();
  ++epoch_;
}

}  // namespace isobatch::grammar
