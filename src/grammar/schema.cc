#include "grammar/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "grammar/json_terms.h"
#include "grammar/schema_compiler.h"
#include "grammar/schema_words.h"

namespace isobatch::grammar {
namespace {

constexpr int kMostDepth = 100;             // of schemas within one another
constexpr std::size_t kMostWork = 300'000;  // values looked at: references may name one thing many times
constexpr std::size_t kWorkOfSchema = 16;   // what a schema costs beside those
constexpr std::size_t kMostRules = 2000;    // a step may go through all of them
constexpr std::size_t kMostTerms = 500'000;

Value without(const Value& schema, std::string_view word) {
  Value::Dict rest = *schema.dict();
  std::erase_if(rest, [&](const ValueEntry& entry) { return entry.key == word; });
  return {std::move(rest)};
}

bool has_type(const Value& value, std::string_view type) {
  if (value.is_null()) return type == "null";
  if (value.boolean()) return type == "boolean";
  if (value.integer()) return type == "integer" || type == "number";
  if (value.number()) {
    const double x = *value.number();
    return type == "number" || (type == "integer" && x == std::trunc(x));
  }
  return type == (value.string() ? "string" : value.list() ? "array" : "object");
}

// 1 and 1.0 are one value.
bool same_value(const Value& a, const Value& b) {
  const auto number = [](const Value& v) {
    return v.integer() ? static_cast<double>(*v.integer()) : v.number() ? *v.number() : std::nan("");
  };
  return a == b || number(a) == number(b);
}

std::optional<Value::List> values_of(const Value& schema) {
  if (const Value* one = schema.find("const")) return Value::List{*one};
  if (const Value* list = schema.find("enum")) return *list->list();
  return std::nullopt;
}

std::string decoded_pointer(std::string text, std::string_view path) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') schema_error(path, fmt::format("$ref: % is not supported in {}", text));
    if (text[i] != '~') {
      result += text[i];
    } else {
      result += i + 1 < text.size() && text[i + 1] == '1' ? '/' : '~';
      ++i;
    }
  }
  return result;
}

}  // namespace

Term SchemaCompiler::compile(const Value& schema, const std::string& path) {
  if (schema.boolean()) {
    if (!*schema.boolean()) schema_error(path, "false: no value can match it");
    return any_value();
  }
  check_words(schema, path);
  const Term term = compile_checked(without_annotations(schema), path);
  if (pool_.size() > kMostTerms || pool_.rules() > kMostRules) schema_error(path, "the schema is too large");
  return term;
}

Term SchemaCompiler::compile_checked(const Value& schema, const std::string& path) {
  work_ += kWorkOfSchema;
  charge(schema, path);
  if (++depth_ > kMostDepth) schema_error(path, "nested too deeply, or refers to itself beside other words");
  const Term term = compile_words(schema, path);
  --depth_;
  return term;
}

void SchemaCompiler::charge(const Value& value, const std::string& path) {
  if (++work_ > kMostWork) schema_error(path, "the schema is too large");
  if (value.list()) {
    for (const Value& item : *value.list()) charge(item, path);
  } else if (value.dict()) {
    for (const ValueEntry& entry : *value.dict()) charge(entry.value, path);
  }
}

Term SchemaCompiler::compile_words(const Value& schema, const std::string& path) {
  if (schema.find("$ref")) return compile_reference(schema, path);
  if (schema.find("allOf")) return compile_all_of(schema, path);
  for (const char* word : {"anyOf", "oneOf"}) {
    if (schema.find(word)) return compile_alternatives(schema, word, path);
  }
  if (values_of(schema)) return compile_values(schema, path);
  const std::vector<std::string> types = types_of(schema);
  if (types.empty()) return any_value();
  std::vector<Term> ways;
  for (const std::string& type : types) ways.push_back(compile_type(type, schema, path));
  return pool_.either(std::move(ways));
}

Term SchemaCompiler::compile_reference(const Value& schema, const std::string& path) {
  if (schema.dict()->size() > 1) return compile_checked(resolve(schema, path), path);
  const std::string& reference = *schema.find("$ref")->string();
  if (const auto known = definitions_.find(reference); known != definitions_.end()) {
    return pool_.call(known->second);
  }
  const Value& definition = find_definition(reference, path);
  const Rule rule = pool_.new_rule();
  definitions_[reference] = rule;
  automaton_.name_rule(rule, fmt::format("schema: {}", reference));
  pool_.define(rule, compile(definition, reference));
  return pool_.call(rule);
}

const Value& SchemaCompiler::find_definition(const std::string& reference, const std::string& path) {
  if (!reference.starts_with('#')) schema_error(path, fmt::format("$ref: not in this schema: {}", reference));
  const Value* found = &root_;
  for (std::size_t at = 1; at < reference.size();) {
    if (reference[at] != '/') schema_error(path, fmt::format("$ref: not supported: {}", reference));
    const std::size_t end = std::min(reference.find('/', at + 1), reference.size());
    const std::string name = decoded_pointer(reference.substr(at + 1, end - at - 1), path);
    const bool index = found->list() && !name.empty() && name.size() < 7 &&
                       name.find_first_not_of("0123456789") == std::string::npos;
    if (index) {
      const std::size_t i = std::stoul(name);
      found = i < found->list()->size() ? &(*found->list())[i] : nullptr;
    } else {
      found = found->find(name);
    }
    if (!found) schema_error(path, fmt::format("$ref: there is no {}", reference));
    at = end;
  }
  return *found;
}

Value SchemaCompiler::resolve(const Value& schema, const std::string& path) {
  Value resolved = schema;
  for (int i = 0; const Value* reference = resolved.find("$ref"); ++i) {
    if (i > kMostDepth) schema_error(path, "$ref: refers to itself");
    const Value& definition = find_definition(*reference->string(), path);
    check_words(definition, *reference->string());
    resolved = merge_schemas(without_annotations(definition), without(resolved, "$ref"), path);
  }
  return resolved;
}

Term SchemaCompiler::compile_all_of(const Value& schema, const std::string& path) {
  Value merged = without(schema, "allOf");
  const Value::List& list = *schema.find("allOf")->list();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}.allOf[{}]", path, i);
    if (list[i].boolean()) {
      if (!*list[i].boolean()) schema_error(place, "false: no value can match it");
      continue;
    }
    check_words(list[i], place);
    merged = merge_schemas(merged, resolve(without_annotations(list[i]), place), path);
  }
  return compile_checked(merged, path);
}

Term SchemaCompiler::compile_alternatives(const Value& schema, const std::string& word,
                                          const std::string& path) {
  const Value rest = without(schema, word);
  const Value::List& list = *schema.find(word)->list();
  std::vector<Term> ways;
  std::vector<Value> schemas;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}.{}[{}]", path, word, i);
    if (rest.dict()->empty() || list[i].boolean()) {
      if (list[i].boolean() && !*list[i].boolean()) continue;
      ways.push_back(list[i].boolean() && !rest.dict()->empty() ? compile_checked(rest, path)
                                                                : compile(list[i], place));
    } else {
      check_words(list[i], place);
      ways.push_back(
          compile_checked(merge_schemas(rest, resolve(without_annotations(list[i]), place), place), place));
    }
    for (std::size_t k = 0; word == "oneOf" && k < i; ++k) {
      if (exclude(list[k], list[i], place, 0)) continue;
      schema_error(path, fmt::format("oneOf: [{}] and [{}] may both hold for one value; if that does not "
                                     "matter, say anyOf",
                                     k, i));
    }
  }
  if (ways.empty()) schema_error(path, fmt::format("{}: no value can match it", word));
  return pool_.either(std::move(ways));
}

bool SchemaCompiler::exclude(const Value& a, const Value& b, const std::string& path, int depth) {
  if (!a.dict() || !b.dict() || depth > 8) return false;
  charge(a, path);
  charge(b, path);
  check_words(a, path);
  check_words(b, path);
  const Value x = resolve(without_annotations(a), path), y = resolve(without_annotations(b), path);
  const auto of_types = [](const Value& value, const Value& schema) {
    const std::vector<std::string> types = types_of(schema);
    return !schema.find("type") ||
           std::ranges::any_of(types, [&](const std::string& type) { return has_type(value, type); });
  };
  const auto xs = values_of(x), ys = values_of(y);
  if (xs && ys) {
    return std::ranges::none_of(*xs, [&](const Value& v) {
      return std::ranges::any_of(*ys, [&](const Value& w) { return same_value(v, w); });
    });
  }
  if (xs) return std::ranges::none_of(*xs, [&](const Value& v) { return of_types(v, y); });
  if (ys) return std::ranges::none_of(*ys, [&](const Value& v) { return of_types(v, x); });
  // Without "type", words of other types do not bind, so anything may hold.
  if (!x.find("type") || !y.find("type")) return false;
  const std::vector<std::string> s = types_of(x), t = types_of(y);
  const auto among = [](const std::vector<std::string>& types, const std::string& type) {
    return std::ranges::find(types, type) != types.end() ||
           (type == "integer" && std::ranges::find(types, "number") != types.end()) ||
           (type == "number" && std::ranges::find(types, "integer") != types.end());
  };
  if (std::ranges::none_of(s, [&](const std::string& type) { return among(t, type); })) return true;
  const Value* required = x.find("required");
  const Value* also = y.find("required");
  const Value *p = x.find("properties"), *q = y.find("properties");
  if (s != std::vector<std::string>{"object"} || t != s || !required || !also || !p || !q) return false;
  return std::ranges::any_of(*required->list(), [&](const Value& name) {
    const Value *in_x = p->find(*name.string()), *in_y = q->find(*name.string());
    return std::ranges::find(*also->list(), name) != also->list()->end() && in_x && in_y &&
           exclude(*in_x, *in_y, path, depth + 1);
  });
}

Term SchemaCompiler::compile_values(const Value& schema, const std::string& path) {
  for (const ValueEntry& entry : *schema.dict()) {
    if (entry.key == "const" || entry.key == "enum" || entry.key == "type") continue;
    schema_error(path, fmt::format("{}: not supported beside const or enum", entry.key));
  }
  const Value* list = schema.find("enum");
  std::vector<Term> ways;
  const Value::List values = *values_of(schema);
  for (const Value& value : values) {
    if (list && std::ranges::find(*list->list(), value) == list->list()->end()) continue;
    const std::vector<std::string> types = types_of(schema);
    const bool typed = schema.find("type") == nullptr ||
                       std::ranges::any_of(types, [&](const std::string& t) { return has_type(value, t); });
    if (typed) ways.push_back(value_term(pool_, value));
  }
  if (ways.empty()) schema_error(path, "no value can match it");
  return pool_.either(std::move(ways));
}

Term SchemaCompiler::compile_type(const std::string& type, const Value& schema, const std::string& path) {
  if (type == "null") return pool_.literal("null");
  if (type == "boolean") return pool_.either({pool_.literal("true"), pool_.literal("false")});
  if (type == "object") return compile_object(schema, path);
  if (type == "array") return compile_list(schema, path);
  if (type == "string") return compile_string(schema, path);
  return compile_number(schema, type == "number", path);
}

Term SchemaCompiler::share(Term term, const std::string& path) {
  const Rule rule = pool_.new_rule();
  automaton_.name_rule(rule, fmt::format("schema: {}", path));
  pool_.define(rule, term);
  if (pool_.rules() > kMostRules) schema_error(path, "the schema is too large");
  return pool_.call(rule);
}

Term SchemaCompiler::any_value() {
  if (!any_value_) any_value_ = share(any_value_term(pool_, kMostLevels), "any value");
  return *any_value_;
}

Term schema_term(Automaton& automaton, const Value& schema) {
  return SchemaCompiler(automaton, schema).compile(schema, "$");
}

}  // namespace isobatch::grammar
