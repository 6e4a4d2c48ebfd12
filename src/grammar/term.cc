#include "grammar/term.h"

#include <algorithm>

namespace isobatch::grammar {
namespace {

std::size_t mix(std::size_t h, std::size_t value) {
  h = (h ^ value) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

}  // namespace

TermPool::TermPool() : known_(64, Hash{this}, Equal{this}) {
  intern({.kind = Kind::empty});
  intern({.kind = Kind::epsilon, .nullable = true});
}

std::size_t TermPool::Hash::operator()(Term term) const {
  const Node& n = pool->nodes_[term];
  std::size_t h = mix(static_cast<std::size_t>(n.kind), n.low);
  h = mix(h, n.high);
  if (n.kind == Kind::either || n.kind == Kind::both) {
    for (const Term child : pool->children(n)) h = mix(h, child);
    return h;
  }
  return mix(mix(h, n.a), n.b);
}

bool TermPool::Equal::operator()(Term x, Term y) const {
  const Node &m = pool->nodes_[x], &n = pool->nodes_[y];
  if (m.kind != n.kind || m.low != n.low || m.high != n.high || m.b != n.b) return false;
  if (m.kind == Kind::either || m.kind == Kind::both) {
    return std::ranges::equal(pool->children(m), pool->children(n));
  }
  return m.a == n.a;
}

Term TermPool::intern(Node node, std::span<const Term> children) {
  const std::size_t old_children = children_.size();
  if (!children.empty()) {
    node.a = static_cast<Term>(old_children);
    node.b = static_cast<Term>(children.size());
    children_.insert(children_.end(), children.begin(), children.end());
  }
  node.breadth = breadth_of(node, children);
  nodes_.push_back(node);
  const auto [known, is_new] = known_.insert(static_cast<Term>(nodes_.size() - 1));
  if (!is_new) {
    nodes_.pop_back();
    children_.resize(old_children);
  }
  return *known;
}

std::uint32_t TermPool::breadth_of(const Node& node, std::span<const Term> children) const {
  constexpr std::uint64_t kMost = 1u << 30;
  std::uint64_t breadth = 1;
  for (const Term child : children) breadth += nodes_[child].breadth;
  if (node.kind == Kind::concat) {
    breadth += nodes_[node.a].breadth + (nodes_[node.a].nullable ? nodes_[node.b].breadth : 0);
  } else if (node.kind == Kind::complement || node.kind == Kind::repeat || node.kind == Kind::skip_space) {
    breadth += nodes_[node.a].breadth;
  }
  return static_cast<std::uint32_t>(std::min(breadth, kMost));
}

Term TermPool::bytes(const ByteSet& set) {
  if (set.empty()) return kEmpty;
  const auto found = std::ranges::find(sets_, set);
  const auto index = static_cast<Term>(found - sets_.begin());
  if (found == sets_.end()) sets_.push_back(set);
  return intern({.kind = Kind::bytes, .a = index});
}

Term TermPool::literal(std::string_view text) {
  Term term = kEpsilon;
  for (std::size_t i = text.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(text[i]);
    term = concat(bytes(ByteSet::range(byte, byte)), term);
  }
  return term;
}

Term TermPool::concat(Term a, Term b) {
  if (a == kEmpty || b == kEmpty) return kEmpty;
  // To the right: (x · y) · b = x · (y · b).
  std::vector<Term> heads;
  for (; nodes_[a].kind == Kind::concat; a = nodes_[a].b) heads.push_back(nodes_[a].a);
  heads.push_back(a);
  Term term = b;
  for (std::size_t i = heads.size(); i-- > 0;) {
    const Term head = heads[i];
    if (head == kEpsilon) continue;
    if (term == kEpsilon) {
      term = head;
    } else {
      term = intern({.kind = Kind::concat,
                     .nullable = nodes_[head].nullable && nodes_[term].nullable,
                     .a = head,
                     .b = term});
    }
  }
  return term;
}

Term TermPool::concat(std::initializer_list<Term> terms) {
  Term term = kEpsilon;
  for (const Term* it = terms.end(); it != terms.begin();) term = concat(*--it, term);
  return term;
}

std::vector<Term> TermPool::flatten(const std::vector<Term>& terms, Kind kind, Term neutral) const {
  std::vector<Term> flat;
  for (const Term term : terms) {
    const Node& n = nodes_[term];
    if (n.kind == kind) {
      flat.insert(flat.end(), children(n).begin(), children(n).end());
    } else if (term != neutral) {
      flat.push_back(term);
    }
  }
  std::ranges::sort(flat);
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  return flat;
}

Term TermPool::either(std::vector<Term> terms) {
  terms = flatten(terms, Kind::either, kEmpty);
  // Sets of bytes become one set; the empty string need not be said twice.
  ByteSet set;
  std::size_t sets = 0;
  bool nullable = false, other_nullable = false;
  for (const Term term : terms) {
    const Node& n = nodes_[term];
    if (n.kind == Kind::bytes) set = set | sets_[n.a], ++sets;
    nullable |= n.nullable;
    other_nullable |= n.nullable && term != kEpsilon;
  }
  if (sets > 1) {
    std::erase_if(terms, [this](Term term) { return nodes_[term].kind == Kind::bytes; });
    terms.push_back(bytes(set));
    std::ranges::sort(terms);
  }
  if (other_nullable) std::erase(terms, kEpsilon);
  if (terms.empty()) return kEmpty;
  if (terms.size() == 1) return terms[0];
  return intern({.kind = Kind::either, .nullable = nullable}, terms);
}

Term TermPool::both(std::vector<Term> terms) {
  terms = flatten(terms, Kind::both, complement(kEmpty));
  if (terms.empty()) return complement(kEmpty);
  bool nullable = true, has_epsilon = false;
  for (const Term term : terms) {
    if (term == kEmpty) return kEmpty;
    nullable &= nodes_[term].nullable;
    has_epsilon |= term == kEpsilon;
  }
  if (has_epsilon) return nullable ? kEpsilon : kEmpty;
  if (terms.size() == 1) return terms[0];
  return intern({.kind = Kind::both, .nullable = nullable}, terms);
}

Term TermPool::complement(Term a) {
  if (nodes_[a].kind == Kind::complement) return nodes_[a].a;
  return intern({.kind = Kind::complement, .nullable = !nodes_[a].nullable, .a = a});
}

Term TermPool::repeat(Term a, std::uint32_t low, std::uint32_t high) {
  if (high == 0 || a == kEpsilon) return kEpsilon;
  if (nodes_[a].nullable) low = 0;  // the same strings
  if (a == kEmpty) return low == 0 ? kEpsilon : kEmpty;
  if (low == 1 && high == 1) return a;
  if (low == 0 && high == 1) return optional(a);
  const Node inner = nodes_[a];
  if (inner.kind == Kind::repeat && inner.low == 0 && inner.high == kNoLimit) return a;
  return intern({.kind = Kind::repeat, .nullable = low == 0, .a = a, .low = low, .high = high});
}

Term TermPool::skip_space(Term a) {
  if (a == kEmpty) return kEmpty;
  return intern({.kind = Kind::skip_space, .nullable = nodes_[a].nullable, .a = a});
}

Rule TermPool::new_rule() {
  rules_.push_back(kEmpty);
  return static_cast<Rule>(rules_.size() - 1);
}

Term TermPool::call(Rule rule) { return intern({.kind = Kind::call, .a = rule}); }

void TermPool::truncate(std::size_t size) {
  for (auto term = static_cast<Term>(size); term < nodes_.size(); ++term) known_.erase(term);
  for (std::size_t term = nodes_.size(); term-- > size;) {
    const Node& n = nodes_[term];
    if (n.kind == Kind::either || n.kind == Kind::both) children_.resize(n.a);
  }
  nodes_.resize(size);
}

}  // namespace isobatch::grammar
