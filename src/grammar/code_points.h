// Sets of characters, and what stands for them in UTF-8 and inside a JSON string.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "grammar/term.h"

namespace isobatch::grammar {

// Code points without the surrogates.
class CodePointSet {
 public:
  using Range = std::pair<char32_t, char32_t>;  // first and last

  CodePointSet() = default;
  CodePointSet(std::initializer_list<Range> ranges);
  void add(char32_t first, char32_t last);
  void add(const CodePointSet& other);
  CodePointSet complement() const;
  const std::vector<Range>& ranges() const { return ranges_; }  // ascending, apart from one another
  bool has(char32_t code_point) const;

 private:
  std::vector<Range> ranges_;
};

// A function that makes the term of a character of a set.
using Encode = Term (*)(TermPool& pool, const CodePointSet& set);

Term utf8_term(TermPool& pool, const CodePointSet& set);
// As a JSON string holds it, with escapes only where they must be: \" \\ \b \f \n \r \t \u001f.
Term json_term(TermPool& pool, const CodePointSet& set);

}  // namespace isobatch::grammar
