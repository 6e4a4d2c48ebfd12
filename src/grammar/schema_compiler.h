// The compiler of schemas: schema.cc has what combines schemas, schema_types.cc what each type of value is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grammar/automaton.h"
#include "isobatch/value.h"

namespace isobatch::grammar {

inline constexpr int kMostLevels = 16;  // of objects and lists of which the schema says nothing

class SchemaCompiler {
 public:
  SchemaCompiler(Automaton& automaton, const Value& root)
      : automaton_(automaton), pool_(automaton.pool()), root_(root) {}

  Term compile(const Value& schema, const std::string& path);

 private:
  // Of an object whose words are checked and do not only describe.
  Term compile_checked(const Value& schema, const std::string& path);
  Term compile_words(const Value& schema, const std::string& path);
  // Throws when all that has been looked at is too much.
  void charge(const Value& value, const std::string& path);
  Term compile_reference(const Value& schema, const std::string& path);
  Term compile_all_of(const Value& schema, const std::string& path);
  Term compile_alternatives(const Value& schema, const std::string& word, const std::string& path);
  Term compile_values(const Value& schema, const std::string& path);
  Term compile_type(const std::string& type, const Value& schema, const std::string& path);

  Term compile_object(const Value& schema, const std::string& path);
  Term compile_list(const Value& schema, const std::string& path);
  Term compile_string(const Value& schema, const std::string& path);
  Term compile_number(const Value& schema, bool fractions, const std::string& path);

  struct Member {
    Term term;
    bool optional;
  };
  std::vector<Member> members_of(const Value& schema, const std::string& path);
  Term other_names(const Value& schema);
  Term members_term(const std::vector<Member>& members, Term other, const std::string& path);
  // Shares a term that is part of many others, instead of taking it apart in each of them.
  Term share(Term term, const std::string& path);
  Term any_value();

  const Value& find_definition(const std::string& reference, const std::string& path);
  // The same schema without $ref at its top.
  Value resolve(const Value& schema, const std::string& path);
  // Whether no value can be valid for both, as far as that shows.
  bool exclude(const Value& a, const Value& b, const std::string& path, int depth);

  Automaton& automaton_;
  TermPool& pool_;
  const Value& root_;
  std::map<std::string, Rule> definitions_;  // by $ref
  std::optional<Term> any_value_;
  int depth_ = 0;
  std::size_t work_ = 0;
};

}  // namespace isobatch::grammar
