#include "grammar/json_terms.h"

#include <fmt/format.h>

#include "grammar/code_points.h"
#include "grammar/regex.h"
#include "text/utf8.h"

namespace isobatch::grammar {
namespace {

Term regex(TermPool& pool, std::string_view text) {
  return regex_term(pool, text, RegexMatch::whole, utf8_term, "JSON");
}

// Scalars at depth 0: nothing nests further.
Term scalar_term(TermPool& pool) {
  return pool.either({string_term(pool, 0, kNoLimit), number_term(pool), regex(pool, "true|false|null")});
}

Term enclosed(TermPool& pool, const char* open, Term item, const char* close) {
  const Term items = pool.concat({item, pool.repeat(comma_term(pool, item), 0), space_term(pool)});
  return pool.concat({pool.literal(open), space_term(pool), pool.optional(items), pool.literal(close)});
}

}  // namespace

Term space_term(TermPool& pool) { return regex(pool, " ?|\\n {0,32}"); }

Term string_literal(TermPool& pool, std::string_view text) {
  Term term = pool.literal("\"");
  std::vector<Term> characters;
  for (std::size_t at = 0; at < text.size();) {
    const text::CodePoint c = text::decode_utf8(text, at);
    at += static_cast<std::size_t>(c.length);
    characters.push_back(json_term(pool, {{c.value, c.value}}));
  }
  for (std::size_t i = characters.size(); i-- > 0;) term = pool.concat(characters[i], term);
  return pool.concat(pool.literal("\""), term);
}

Term value_term(TermPool& pool, const Value& value) {
  if (value.is_null()) return pool.literal("null");
  if (value.boolean()) return pool.literal(*value.boolean() ? "true" : "false");
  if (value.integer()) return pool.literal(std::to_string(*value.integer()));
  if (value.number()) return pool.literal(fmt::format("{}", *value.number()));
  if (value.string()) return string_literal(pool, *value.string());
  std::vector<Term> items;
  if (value.list()) {
    for (const Value& item : *value.list()) items.push_back(value_term(pool, item));
  } else {
    for (const auto& [key, item] : *value.dict()) {
      items.push_back(member_term(pool, string_literal(pool, key), value_term(pool, item)));
    }
  }
  Term term = pool.literal(value.list() ? "]" : "}");
  if (!items.empty()) term = pool.concat(space_term(pool), term);
  for (std::size_t i = items.size(); i-- > 0;) {
    term = pool.concat(i == 0 ? items[i] : comma_term(pool, items[i]), term);
  }
  return pool.concat({pool.literal(value.list() ? "[" : "{"), space_term(pool), term});
}

Term string_term(TermPool& pool, std::uint32_t low, std::uint32_t high) {
  const Term character = pool.either(
      {utf8_term(pool, CodePointSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.complement()),
       // Half of a surrogate pair stands for no character.
       regex(pool, R"(\\(["\\/bfnrt]|u([0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB])"
                   R"([0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))")});
  return pool.concat({pool.literal("\""), pool.repeat(character, low, high), pool.literal("\"")});
}

Term integer_term(TermPool& pool) { return regex(pool, "-?(0|[1-9]\\d{0,14})"); }

Term number_term(TermPool& pool) {
  return regex(pool, "-?(0|[1-9]\\d{0,14})(\\.\\d{1,15})?([eE][+-]?\\d{1,2})?");
}

Term object_term(TermPool& pool, int depth) {
  const Term member = member_term(pool, string_term(pool, 0, kNoLimit), any_value_term(pool, depth - 1));
  return enclosed(pool, "{", member, "}");
}

Term list_term(TermPool& pool, int depth) {
  return enclosed(pool, "[", any_value_term(pool, depth - 1), "]");
}

Term any_value_term(TermPool& pool, int depth) {
  if (depth <= 0) return scalar_term(pool);
  // Both from one term of what is inside: a rule for each level keeps them from growing into one another.
  const Rule inner = pool.new_rule();
  pool.define(inner, any_value_term(pool, depth - 1));
  const Term item = pool.call(inner);
  return pool.either({scalar_term(pool), enclosed(pool, "[", item, "]"),
                      enclosed(pool, "{", member_term(pool, string_term(pool, 0, kNoLimit), item), "}")});
}

Term member_term(TermPool& pool, Term key, Term value) {
  return pool.concat({key, pool.literal(":"), space_term(pool), value});
}

Term comma_term(TermPool& pool, Term next) {
  return pool.concat({pool.literal(","), space_term(pool), next});
}

}  // namespace isobatch::grammar
