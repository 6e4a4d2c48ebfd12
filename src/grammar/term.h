// Languages over bytes as terms: regular expressions with intersection, complement, counted repetition, and
// calls of rules, which may be recursive. Equal terms are one term.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "grammar/byte_set.h"

namespace isobatch::grammar {

using Term = std::uint32_t;
using Rule = std::uint32_t;

inline constexpr Term kEmpty = 0;    // no string at all
inline constexpr Term kEpsilon = 1;  // the empty string
inline constexpr std::uint32_t kNoLimit = ~std::uint32_t{0};

enum class Kind : std::uint8_t {
  empty,
  epsilon,
  bytes,       // one byte of a set
  concat,      // a, then b; a is no concat
  either,      // of the children
  both,        // all of the children (without calls)
  complement,  // every byte string but those of a (without calls)
  repeat,      // a, from low to high times
  call,        // of the rule a, which does not match the empty string
  skip_space,  // a, behind a space that does not count if there is one
};

struct Node {
  Kind kind = Kind::empty;
  bool nullable = false;  // matches the empty string
  Term a = 0;             // bytes: index of the set; either, both: begin of the children
  Term b = 0;             // either, both: number of children
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  std::uint32_t breadth = 1;  // about how many nodes one step looks at
};

// Makes terms in a normal form, so that the derivatives of a regular term are finitely many (Brzozowski, JACM
// 1964: `either` is flat, sorted and without duplicates).
class TermPool {
 public:
  TermPool();

  Term bytes(const ByteSet& set);
  Term literal(std::string_view text);
  Term concat(Term a, Term b);
  Term concat(std::initializer_list<Term> terms);
  Term either(std::vector<Term> terms);
  Term optional(Term a) { return either({kEpsilon, a}); }
  Term both(std::vector<Term> terms);
  Term complement(Term a);
  Term repeat(Term a, std::uint32_t low, std::uint32_t high = kNoLimit);
  Term skip_space(Term a);

  Rule new_rule();
  // `body` does not match the empty string.
  void define(Rule rule, Term body) { rules_[rule] = body; }
  Term call(Rule rule);
  Term body(Rule rule) const { return rules_[rule]; }
  std::size_t rules() const { return rules_.size(); }

  const Node& node(Term term) const { return nodes_[term]; }
  bool nullable(Term term) const { return nodes_[term].nullable; }
  std::span<const Term> children(const Node& node) const { return {children_.data() + node.a, node.b}; }
  const ByteSet& set(const Node& node) const { return sets_[node.a]; }
  std::span<const ByteSet> sets() const { return sets_; }
  std::size_t size() const { return nodes_.size(); }
  // Forgets the terms behind the first `size`; none of these may hold one of them.
  void truncate(std::size_t size);

 private:
  struct Hash {
    const TermPool* pool;
    std::size_t operator()(Term term) const;
  };
  struct Equal {
    const TermPool* pool;
    bool operator()(Term x, Term y) const;
  };
  Term intern(Node node, std::span<const Term> children = {});
  std::uint32_t breadth_of(const Node& node, std::span<const Term> children) const;
  // Flat, sorted, each once, without `neutral`.
  std::vector<Term> flatten(const std::vector<Term>& terms, Kind kind, Term neutral) const;

  std::vector<Node> nodes_;
  std::vector<Term> children_;
  std::vector<ByteSet> sets_;
  std::vector<Term> rules_;
  std::unordered_set<Term, Hash, Equal> known_;
};

}  // namespace isobatch::grammar
