#include "grammar/automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "isobatch/error.h"

namespace isobatch::grammar {
namespace {

// Work on the states of all intersections.
constexpr std::uint64_t kMostExplored = 1 << 20;

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

}  // namespace

void Automaton::seal(Term start) {
  start_ = start;
  make_classes();
  check_rules();
  check_heads();
  if (start == kEmpty) invalid("constraint: no text can match it");
  explore_intersections();
  for (const auto& [term, what] : required_) {
    if (has_dead_part(term)) invalid(fmt::format("{}: no text can match it", what));
  }
  sealed_terms_ = pool_.size();
  sealed_rows_ = rows_.size();
}

void Automaton::make_classes() {
  // Bytes are alike that are in the same sets.
  std::map<std::vector<bool>, std::uint8_t> classes;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::vector<bool> in;
    for (const ByteSet& set : pool_.sets()) in.push_back(set.has(byte));
    in.push_back(byte == ' ');  // skip_space knows it
    const auto [it, is_new] = classes.try_emplace(std::move(in), static_cast<std::uint8_t>(byte_of_.size()));
    if (is_new) byte_of_.push_back(static_cast<std::uint8_t>(byte));
    class_of_[byte] = it->second;
  }
}

// Each rule matches some string: then every term that is not kEmpty does, intersections apart.
void Automaton::check_rules() {
  std::vector<char> productive(pool_.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (Term t = 0; t < productive.size(); ++t) {
      if (productive[t]) continue;
      const Node& n = pool_.node(t);
      const auto is = [&](Term child) { return productive[child] != 0; };
      bool found = n.nullable || n.kind == Kind::bytes || n.kind == Kind::both || n.kind == Kind::complement;
      if (n.kind == Kind::concat) found = found || (is(n.a) && is(n.b));
      if (n.kind == Kind::either) found = found || std::ranges::any_of(pool_.children(n), is);
      if (n.kind == Kind::repeat || n.kind == Kind::skip_space) found = found || is(n.a);
      if (n.kind == Kind::call) found = is(pool_.body(n.a));
      if (found) productive[t] = changed = true;
    }
  }
  for (Rule rule = 0; rule < pool_.rules(); ++rule) {
    if (!productive[pool_.body(rule)]) {
      invalid(fmt::format("{}: no finite text can match it", rule_names_[rule]));
    }
  }
}

// No rule calls itself before it has taken a byte: the derivative would not end.
void Automaton::check_heads() {
  enum : char { unseen, open, closed };
  std::vector<char> state(pool_.size(), unseen);
  struct Visit {
    Term term;
    bool done;
  };
  for (Rule rule = 0; rule < pool_.rules(); ++rule) {
    std::vector<Visit> stack = {{pool_.call(rule), false}};
    state.resize(pool_.size(), unseen);
    while (!stack.empty()) {
      const Visit visit = stack.back();
      stack.pop_back();
      if (visit.done) {
        state[visit.term] = closed;
        continue;
      }
      if (state[visit.term] == closed) continue;
      const Node& n = pool_.node(visit.term);
      if (state[visit.term] == open) invalid(fmt::format("{}: refers to itself", rule_names_[rule]));
      state[visit.term] = open;
      stack.push_back({visit.term, true});
      if (n.kind == Kind::call) stack.push_back({pool_.body(n.a), false});
      if (n.kind == Kind::concat || n.kind == Kind::repeat || n.kind == Kind::skip_space) {
        stack.push_back({n.a, false});
      }
      if (n.kind == Kind::concat && pool_.nullable(n.a)) stack.push_back({n.b, false});
      if (n.kind == Kind::either) {
        for (const Term child : pool_.children(n)) stack.push_back({child, false});
      }
    }
  }
}

// Walks all states of all intersections, to know those from which no string leads to the end.
void Automaton::explore_intersections() {
  std::vector<Term> found;
  std::unordered_map<Term, std::vector<Term>> before;
  const auto visit = [&](Term term, Term from) {
    const auto [it, is_new] = before.try_emplace(term);
    it->second.push_back(from);
    if (is_new) found.push_back(term);
  };
  for (Term t = 0, end = static_cast<Term>(pool_.size()); t < end; ++t) {
    if (pool_.node(t).kind == Kind::both) visit(t, t);
  }
  std::uint64_t work = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    work += pool_.node(found[i]).breadth;
    if (work > kMostExplored) invalid("constraint: what one text must match at once has too many states");
    for (unsigned c = 0; c < byte_of_.size(); ++c) visit(step(found[i], c), found[i]);
  }
  std::vector<char> live(pool_.size());
  std::vector<Term> open;
  for (const Term term : found) {
    if (pool_.nullable(term)) open.push_back(term), live[term] = true;
  }
  while (!open.empty()) {
    const Term term = open.back();
    open.pop_back();
    for (const Term from : before[term]) {
      if (!live[from]) open.push_back(from), live[from] = true;
    }
  }
  dead_.resize(pool_.size());
  for (const Term term : found) dead_[term] = !live[term];
  for (Term& next : rows_) {
    if (next != kUnknown && next < dead_.size() && dead_[next]) next = kEmpty;
  }
}

bool Automaton::has_dead_part(Term term) const {
  for (; pool_.node(term).kind == Kind::concat; term = pool_.node(term).b) {
    if (has_dead_part(pool_.node(term).a)) return true;
  }
  const Node& n = pool_.node(term);
  if (n.kind == Kind::either) {
    return std::ranges::any_of(pool_.children(n), [this](Term child) { return has_dead_part(child); });
  }
  return term == kEmpty || (term < dead_.size() && dead_[term]);
}

bool Automaton::complete(Term state) {
  if (state == kEpsilon) return true;
  if (!pool_.nullable(state)) return false;
  for (unsigned c = 0; c < byte_of_.size(); ++c) {
    if (step(state, c) != kEmpty) return false;
  }
  return true;
}

Term Automaton::step(Term state, unsigned byte_class) {
  if (state == kEmpty || state == kEpsilon) return kEmpty;
  if (state >= row_of_.size() || row_of_[state] == kUnknown) add_row(state);
  const std::size_t at = std::size_t{row_of_[state]} * byte_of_.size() + byte_class;
  if (rows_[at] == kUnknown) {
    const Term next = derive(state, byte_class);
    rows_[at] = next;
  }
  return rows_[at];
}

void Automaton::add_row(Term state) {
  if (state >= row_of_.size()) row_of_.resize(pool_.size(), kUnknown);
  row_of_[state] = static_cast<std::uint32_t>(rows_.size() / byte_of_.size());
  rows_.resize(rows_.size() + byte_of_.size(), kUnknown);
}

Term Automaton::derive(Term state, unsigned byte_class) {
  const Node n = pool_.node(state);  // a copy: the pool grows below
  switch (n.kind) {
    case Kind::empty:
    case Kind::epsilon:
      return kEmpty;
    case Kind::bytes:
      return pool_.set(n).has(byte_of_[byte_class]) ? kEpsilon : kEmpty;
    case Kind::concat:
      return derive_concat(state, byte_class);
    case Kind::either:
    case Kind::both:
      return derive_children(state, byte_class);
    case Kind::complement:
      return pool_.complement(step(n.a, byte_class));
    case Kind::repeat:
      return pool_.concat(step(n.a, byte_class), pool_.repeat(n.a, n.low - (n.low > 0 ? 1 : 0),
                                                              n.high == kNoLimit ? n.high : n.high - 1));
    case Kind::call:
      return step(pool_.body(n.a), byte_class);
    case Kind::skip_space:
      return byte_of_[byte_class] == ' ' ? n.a : step(n.a, byte_class);
  }
  return kEmpty;
}

Term Automaton::derive_concat(Term state, unsigned byte_class) {
  std::vector<Term> ways;
  for (Term rest = state;;) {
    const Node n = pool_.node(rest);
    if (n.kind != Kind::concat) {
      ways.push_back(step(rest, byte_class));
      break;
    }
    ways.push_back(pool_.concat(step(n.a, byte_class), n.b));
    if (!pool_.nullable(n.a)) break;
    rest = n.b;
  }
  return pool_.either(std::move(ways));
}

Term Automaton::derive_children(Term state, unsigned byte_class) {
  const Node n = pool_.node(state);
  const std::span<const Term> children = pool_.children(n);
  std::vector<Term> nexts(children.begin(), children.end());
  for (Term& term : nexts) term = step(term, byte_class);
  if (n.kind == Kind::either) return pool_.either(std::move(nexts));
  const Term next = pool_.both(std::move(nexts));
  return next < dead_.size() && dead_[next] ? kEmpty : next;
}

Term Automaton::within(Term state, std::uint32_t bytes) {
  if (bytes != shortened_to_) shortened_.clear();
  shortened_to_ = bytes;
  return shorten(state, bytes);
}

Term Automaton::shorten(Term state, std::uint32_t bytes) {
  const Node n = pool_.node(state);
  const bool changes = n.kind == Kind::concat || n.kind == Kind::either || n.kind == Kind::repeat ||
                       n.kind == Kind::skip_space;
  if (!changes) return state;
  if (const auto known = shortened_.find(state); known != shortened_.end()) return known->second;
  Term result = state;
  if (n.kind == Kind::repeat) {
    const Term a = shorten(n.a, bytes);
    const bool takes_bytes = !pool_.nullable(n.a);  // each time at least one
    result = takes_bytes ? pool_.repeat(a, std::min(n.low, bytes + 1), n.high > bytes + 1 ? kNoLimit : n.high)
                         : pool_.repeat(a, n.low, n.high);
  } else if (n.kind == Kind::skip_space) {
    result = pool_.skip_space(shorten(n.a, bytes));
  } else if (n.kind == Kind::either) {
    const std::span<const Term> children = pool_.children(n);
    std::vector<Term> terms(children.begin(), children.end());
    for (Term& term : terms) term = shorten(term, bytes);
    result = pool_.either(std::move(terms));
  } else {
    std::vector<Term> heads;
    Term rest = state;
    for (std::uint32_t taken = 0; pool_.node(rest).kind == Kind::concat && taken <= bytes;) {
      const Node m = pool_.node(rest);
      heads.push_back(shorten(m.a, bytes));
      taken += !pool_.nullable(m.a);
      rest = m.b;
    }
    result = pool_.node(rest).kind == Kind::concat ? rest : shorten(rest, bytes);
    for (std::size_t i = heads.size(); i-- > 0;) result = pool_.concat(heads[i], result);
  }
  return shortened_[state] = result;
}

void Automaton::reset() {
  pool_.truncate(sealed_terms_);
  rows_.resize(sealed_rows_);
  row_of_.resize(std::min(row_of_.size(), sealed_terms_));
  const auto rows = static_cast<std::uint32_t>(sealed_rows_ / byte_of_.size());
  for (std::uint32_t& row : row_of_) {
    if (row >= rows) row = kUnknown;
  }
  for (Term& next : rows_) {
    if (next != kUnknown && next >= sealed_terms_) next = kUnknown;
  }
  shortened_.clear();
}

}  // namespace isobatch::grammar
