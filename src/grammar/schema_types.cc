// What a schema says of values of each type.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "grammar/code_points.h"
#include "grammar/json_terms.h"
#include "grammar/number_range.h"
#include "grammar/regex.h"
#include "grammar/schema_compiler.h"
#include "grammar/schema_words.h"

namespace isobatch::grammar {
namespace {

// Regular expressions of texts that any check of the format accepts: in February no day after the 28th.
struct Format {
  std::string_view name;
  std::string regex;
};
const std::string kDate =
    "\\d{4}-(02-(0[1-9]|1\\d|2[0-8])|(0[469]|11)-(0[1-9]|[12]\\d|30)|"
    "(0[13578]|1[02])-(0[1-9]|[12]\\d|3[01]))";
const std::string kTime = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const std::string kLabel = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
const std::string kByte = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const Format kFormats[] = {
    {"date", kDate},
    {"time", kTime},
    {"date-time", kDate + "T" + kTime},
    {"duration", "P(\\d{1,4}Y)?(\\d{1,4}M)?\\d{1,4}D(T\\d{1,4}H(\\d{1,4}M(\\d{1,4}S)?)?)?"},
    {"email", "[A-Za-z0-9_+-]{1,16}(\\.[A-Za-z0-9_+-]{1,16}){0,2}@(" + kLabel + "\\.){1,3}[A-Za-z]{2,12}"},
    {"hostname", "(" + kLabel + "\\.){0,4}[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"},
    {"ipv4", "(" + kByte + "\\.){3}" + kByte},
    {"ipv6", "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"},
    {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
};

std::uint32_t count_of(const Value& schema, const char* word, std::uint32_t otherwise) {
  const Value* value = schema.find(word);
  return value ? static_cast<std::uint32_t>(*value->integer()) : otherwise;
}

// At most 15 digits on each side of the point; numbers beyond that are not written.
Decimal decimal_of(const Value& value, const std::string& path, const char* word) {
  const double x = value.integer() ? static_cast<double>(*value.integer()) : *value.number();
  if (std::abs(x) >= 1e15) schema_error(path, fmt::format("{}: expected less than 15 digits", word));
  // The shortest digits that are read as x, first without an exponent.
  std::string text = value.integer() ? std::to_string(*value.integer()) : std::string();
  for (int digits = 0; text.empty() && digits <= 15; ++digits) {
    const std::string tried = fmt::format("{:.{}f}", x, digits);
    if (std::stod(tried) == x) text = tried;
  }
  if (text.empty()) schema_error(path, fmt::format("{}: expected at most 15 digits behind the point", word));
  Decimal result;
  result.negative = text.starts_with('-');
  if (result.negative) text.erase(0, 1);
  const std::size_t point = std::min(text.find('.'), text.size());
  result.integer = text.substr(0, point);
  if (point < text.size()) result.fraction = text.substr(point + 1);
  while (result.fraction.ends_with('0')) result.fraction.pop_back();
  return result;
}

// The tighter of an inclusive and an exclusive bound.
std::optional<Bound> bound_of(const Value& schema, const char* word, const char* exclusive_word, bool least,
                              const std::string& path) {
  const Value* inclusive = schema.find(word);
  const Value* exclusive = schema.find(exclusive_word);
  const auto number = [](const Value& v) {
    return v.integer() ? static_cast<double>(*v.integer()) : *v.number();
  };
  if (!inclusive && !exclusive) return std::nullopt;
  const bool use_exclusive = exclusive && (!inclusive || (least ? number(*exclusive) >= number(*inclusive)
                                                                : number(*exclusive) <= number(*inclusive)));
  if (use_exclusive) return Bound{decimal_of(*exclusive, path, exclusive_word), true};
  return Bound{decimal_of(*inclusive, path, word), false};
}

}  // namespace

std::vector<SchemaCompiler::Member> SchemaCompiler::members_of(const Value& schema, const std::string& path) {
  Value::List required;
  if (const Value* names = schema.find("required")) required = *names->list();
  const auto is_required = [&](const std::string& name) {
    return std::ranges::any_of(required, [&](const Value& v) { return *v.string() == name; });
  };
  std::vector<Member> members;
  const auto add = [&](const std::string& name, const Value& value, bool optional) {
    const Term term = compile(value, fmt::format("{}.properties.{}", path, name));
    members.push_back({member_term(pool_, string_literal(pool_, name), term), optional});
  };
  const Value* properties = schema.find("properties");
  if (properties) {
    for (const auto& [name, value] : *properties->dict()) {
      // A property that may not be there is left out.
      if (value.boolean() && !*value.boolean() && !is_required(name)) continue;
      add(name, value, !is_required(name));
    }
  }
  const Value* additional = schema.find("additionalProperties");
  for (std::size_t i = 0; i < required.size(); ++i) {
    const std::string& name = *required[i].string();
    if (properties && properties->find(name)) continue;
    if (std::find(required.begin(), required.begin() + static_cast<std::ptrdiff_t>(i), required[i]) !=
        required.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;
    }
    if (additional && additional->boolean() && !*additional->boolean()) {
      schema_error(path, fmt::format("required: {} is no property", name));
    }
    add(name, additional ? *additional : Value{true}, false);
  }
  return members;
}

// Names of members that the schema does not name.
Term SchemaCompiler::other_names(const Value& schema) {
  std::vector<Term> known;
  if (const Value* properties = schema.find("properties")) {
    for (const auto& [name, value] : *properties->dict()) known.push_back(string_literal(pool_, name));
  }
  if (const Value* required = schema.find("required")) {
    for (const Value& name : *required->list()) known.push_back(string_literal(pool_, *name.string()));
  }
  if (known.empty()) return string_term(pool_, 0, kNoLimit);
  // Each name has one way to be written, so that none is written another way.
  const Term character = json_term(pool_, CodePointSet().complement());
  const Term name = pool_.concat({pool_.literal("\""), pool_.repeat(character, 0), pool_.literal("\"")});
  return pool_.both({name, pool_.complement(pool_.either(std::move(known)))});
}

Term SchemaCompiler::members_term(const std::vector<Member>& members, Term other, const std::string& path) {
  const Term end = pool_.concat(space_term(pool_), pool_.literal("}"));
  const bool many = members.size() > 16;
  // What may come behind the members so far, when there are some and when there are none.
  Term behind = pool_.concat(pool_.repeat(comma_term(pool_, other), 0), end);
  Term first = pool_.either({pool_.literal("}"), pool_.concat(other, behind)});
  for (std::size_t i = members.size(); i-- > 0;) {
    const auto& [member, optional] = members[i];
    const Term with = pool_.concat(member, behind);
    first = optional ? pool_.either({with, first}) : with;
    const Term next = pool_.concat(comma_term(pool_, member), behind);
    behind = optional ? pool_.either({next, behind}) : next;
    if (many) behind = share(behind, path), first = share(first, path);
  }
  return pool_.concat({pool_.literal("{"), space_term(pool_), first});
}

Term SchemaCompiler::compile_object(const Value& schema, const std::string& path) {
  const Value* additional = schema.find("additionalProperties");
  const bool closed =
      additional ? additional->boolean() && !*additional->boolean() : schema.find("properties") != nullptr;
  const std::vector<Member> members = members_of(schema, path);
  Term other = kEmpty;
  if (!closed) {
    const Term value =
        additional ? compile(*additional, fmt::format("{}.additionalProperties", path)) : any_value();
    other = member_term(pool_, other_names(schema), value);
  }
  return members_term(members, other, path);
}

Term SchemaCompiler::compile_list(const Value& schema, const std::string& path) {
  std::vector<Term> prefix;
  if (const Value* schemas = schema.find("prefixItems")) {
    for (std::size_t i = 0; i < schemas->list()->size(); ++i) {
      prefix.push_back(compile((*schemas->list())[i], fmt::format("{}.prefixItems[{}]", path, i)));
    }
  }
  const auto known = static_cast<std::uint32_t>(prefix.size());
  const Value* items = schema.find("items");
  const bool ends = items ? items->boolean() && !*items->boolean() : known > 0;
  const std::uint32_t low = count_of(schema, "minItems", 0);
  const std::uint32_t high = std::min(count_of(schema, "maxItems", kNoLimit), ends ? known : kNoLimit);
  if (low > high) schema_error(path, "minItems: no list can have so many");
  const Term item = ends || high <= known ? kEmpty : items ? compile(*items, path + ".items") : any_value();
  const Term end = pool_.concat(space_term(pool_), pool_.literal("]"));
  // What may come behind the items so far.
  const auto minus = [](std::uint32_t count, std::uint32_t taken) {
    return count == kNoLimit ? count : count - std::min(count, taken);
  };
  Term behind = pool_.concat(pool_.repeat(comma_term(pool_, item), minus(low, std::max(known, 1u)),
                                          minus(high, std::max(known, 1u))),
                             end);
  for (std::uint32_t i = known; i-- > 1;) {
    std::vector<Term> ways;
    if (i >= low) ways.push_back(end);
    if (i < high) ways.push_back(pool_.concat(comma_term(pool_, prefix[i]), behind));
    behind = pool_.either(std::move(ways));
  }
  std::vector<Term> ways;
  if (low == 0) ways.push_back(pool_.literal("]"));
  if (high > 0) ways.push_back(pool_.concat(known > 0 ? prefix[0] : item, behind));
  return pool_.concat({pool_.literal("["), space_term(pool_), pool_.either(std::move(ways))});
}

Term SchemaCompiler::compile_string(const Value& schema, const std::string& path) {
  const std::uint32_t low = count_of(schema, "minLength", 0);
  const std::uint32_t high = count_of(schema, "maxLength", kNoLimit);
  if (low > high) schema_error(path, "minLength: no string can have so many characters");
  std::vector<Term> conditions;
  if (const Value* patterns = schema.find("pattern")) {
    const Value::List list = patterns->list() ? *patterns->list() : Value::List{*patterns};
    for (const Value& pattern : list) {
      conditions.push_back(regex_term(pool_, *pattern.string(), RegexMatch::search, json_term,
                                      fmt::format("schema: {}: pattern", path)));
    }
  }
  if (const Value* format = schema.find("format")) {
    const auto known = std::ranges::find(kFormats, *format->string(), &Format::name);
    if (known == std::end(kFormats)) {
      schema_error(path, fmt::format("format: {} is not supported", *format->string()));
    }
    conditions.push_back(regex_term(pool_, known->regex, RegexMatch::whole, json_term, path));
  }
  if (conditions.empty()) return string_term(pool_, low, high);
  if (low > 0 || high != kNoLimit) {
    conditions.push_back(pool_.repeat(json_term(pool_, CodePointSet().complement()), low, high));
  }
  const Term text = pool_.both(std::move(conditions));
  automaton_.require_some(text, fmt::format("schema: {}", path));
  return pool_.concat({pool_.literal("\""), text, pool_.literal("\"")});
}

Term SchemaCompiler::compile_number(const Value& schema, bool fractions, const std::string& path) {
  const auto least = bound_of(schema, "minimum", "exclusiveMinimum", true, path);
  const auto most = bound_of(schema, "maximum", "exclusiveMaximum", false, path);
  if (!least && !most) return fractions ? number_term(pool_) : integer_term(pool_);
  const Term range = number_range_term(pool_, least, most, fractions);
  automaton_.require_some(range, fmt::format("schema: {}", path));
  return range;
}

}  // namespace isobatch::grammar
