#include "grammar/schema_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "isobatch/error.h"

namespace isobatch::grammar {
namespace {

enum class Kind {
  schema,
  schemas,
  named_schemas,
  texts,
  text,
  count,
  number,
  type,
  any,
  list,
  annotation,
  pattern
};

struct Word {
  std::string_view name;
  Kind kind;
  std::string_view type = {};  // that it speaks of
};

constexpr Word kWords[] = {
    {"type", Kind::type},
    {"enum", Kind::list},
    {"const", Kind::any},
    {"anyOf", Kind::schemas},
    {"oneOf", Kind::schemas},
    {"allOf", Kind::schemas},
    {"$ref", Kind::text},
    {"$defs", Kind::annotation},  // read where $ref names them
    {"definitions", Kind::annotation},
    {"properties", Kind::named_schemas, "object"},
    {"required", Kind::texts, "object"},
    {"additionalProperties", Kind::schema, "object"},
    {"items", Kind::schema, "array"},
    {"prefixItems", Kind::schemas, "array"},
    {"minItems", Kind::count, "array"},
    {"maxItems", Kind::count, "array"},
    {"minLength", Kind::count, "string"},
    {"maxLength", Kind::count, "string"},
    {"pattern", Kind::pattern, "string"},
    {"format", Kind::text, "string"},
    {"minimum", Kind::number, "number"},
    {"maximum", Kind::number, "number"},
    {"exclusiveMinimum", Kind::number, "number"},
    {"exclusiveMaximum", Kind::number, "number"},
    {"$schema", Kind::annotation},
    {"$id", Kind::annotation},
    {"$comment", Kind::annotation},
    {"title", Kind::annotation},
    {"description", Kind::annotation},
    {"default", Kind::annotation},
    {"examples", Kind::annotation},
    {"deprecated", Kind::annotation},
    {"readOnly", Kind::annotation},
    {"writeOnly", Kind::annotation},
};

constexpr std::string_view kTypes[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

const Word* find_word(std::string_view name) {
  const auto found = std::ranges::find(kWords, name, &Word::name);
  return found == std::end(kWords) ? nullptr : found;
}

bool is_schema(const Value& value) { return value.boolean() || value.dict(); }

bool is_number(const Value& value) { return value.integer() || value.number(); }

bool is_type(const Value& value) {
  return value.string() && std::ranges::find(kTypes, *value.string()) != std::end(kTypes);
}

bool all_of(const Value& value, bool (*fits)(const Value&)) {
  return value.list() && std::ranges::all_of(*value.list(), fits);
}

bool is_text(const Value& value) { return value.string() != nullptr; }

bool fits(const Value& value, Kind kind) {
  switch (kind) {
    case Kind::schema:
      return is_schema(value);
    case Kind::schemas:
      return all_of(value, is_schema) && !value.list()->empty();
    case Kind::named_schemas:
      return value.dict() &&
             std::ranges::all_of(*value.dict(), [](const ValueEntry& e) { return is_schema(e.value); });
    case Kind::texts:
      return all_of(value, is_text);
    case Kind::text:
      return is_text(value);
    case Kind::count:
      return value.integer() && *value.integer() >= 0 && *value.integer() <= 1'000'000;
    case Kind::number:
      return is_number(value);
    case Kind::type:
      return is_type(value) || (all_of(value, is_type) && !value.list()->empty());
    case Kind::list:
      return value.list() && !value.list()->empty();
    case Kind::pattern:
      return is_text(value);
    case Kind::any:
    case Kind::annotation:
      return true;
  }
  return false;
}

std::string_view expected(Kind kind) {
  switch (kind) {
    case Kind::schema:
      return "a schema";
    case Kind::schemas:
      return "a list of schemas";
    case Kind::named_schemas:
      return "an object of schemas";
    case Kind::texts:
      return "a list of strings";
    case Kind::count:
      return "an integer from 0 to 1000000";
    case Kind::number:
      return "a number";
    case Kind::type:
      return "a type, or a list of them";
    case Kind::list:
      return "a list of at least one value";
    default:
      return "a string";
  }
}

double to_double(const Value& value) {
  return value.integer() ? static_cast<double>(*value.integer()) : *value.number();
}

Value list_of(const Value& value) { return value.list() ? value : Value{Value::List{value}}; }

class Merger {
 public:
  explicit Merger(const std::string& path) : path_(path) {}

  Value merge(const Value& a, const Value& b) {
    Value::Dict result = *a.dict();
    check_closed(a, b);
    check_closed(b, a);
    for (const ValueEntry& entry : *b.dict()) {
      const auto known = std::ranges::find(result, entry.key, &ValueEntry::key);
      if (known == result.end()) {
        result.push_back(entry);
      } else {
        known->value = join(entry.key, known->value, entry.value);
      }
    }
    return {std::move(result)};
  }

 private:
  // additionalProperties speaks of the names in its own schema.
  void check_closed(const Value& a, const Value& b) {
    const Value* additional = a.find("additionalProperties");
    const Value* properties = b.find("properties");
    if (!additional || (additional->boolean() && *additional->boolean()) || !properties) return;
    for (const auto& [name, value] : *properties->dict()) {
      const Value* own = a.find("properties");
      if (own && own->find(name)) continue;
      schema_error(path_, fmt::format("additionalProperties: cannot be merged with the property {} of "
                                      "another schema that holds too",
                                      name));
    }
  }

  Value join(const std::string& word, const Value& a, const Value& b) {
    if (a == b) return a;
    if (word == "properties") return join_properties(a, b);
    if (word == "items" || word == "additionalProperties") return both(a, b);
    if (word == "required") return unite(a, b);
    if (word == "type") return join_types(list_of(a), list_of(b));
    if (word == "enum") return intersect(a, b);
    if (word == "pattern") return unite(list_of(a), list_of(b));
    if (word == "allOf") return unite(a, b);
    const bool least =
        word == "minLength" || word == "minItems" || word == "minimum" || word == "exclusiveMinimum";
    const bool most =
        word == "maxLength" || word == "maxItems" || word == "maximum" || word == "exclusiveMaximum";
    if (least || most) return (to_double(a) < to_double(b)) == least ? b : a;
    schema_error(path_,
                 fmt::format("{}: cannot be merged with the one of another schema that holds too", word));
  }

  Value both(const Value& a, const Value& b) {
    if (a.boolean()) return *a.boolean() ? b : a;
    if (b.boolean()) return *b.boolean() ? a : b;
    // Not merged here: only a checked schema can be.
    return {Value::Dict{{"allOf", {Value::List{a, b}}}}};
  }
  Value join_properties(const Value& a, const Value& b) {
    Value::Dict result = *a.dict();
    for (const ValueEntry& entry : *b.dict()) {
      const auto known = std::ranges::find(result, entry.key, &ValueEntry::key);
      if (known == result.end()) {
        result.push_back(entry);
      } else {
        known->value = both(known->value, entry.value);
      }
    }
    return {std::move(result)};
  }
  static Value unite(const Value& a, const Value& b) {
    Value::List result = *a.list();
    for (const Value& value : *b.list()) {
      if (std::ranges::find(result, value) == result.end()) result.push_back(value);
    }
    return {std::move(result)};
  }
  Value intersect(const Value& a, const Value& b) {
    Value::List result;
    for (const Value& value : *a.list()) {
      if (std::ranges::find(*b.list(), value) != b.list()->end()) result.push_back(value);
    }
    if (result.empty()) schema_error(path_, "enum: no value is in both lists");
    return {std::move(result)};
  }
  Value join_types(const Value& a, const Value& b) {
    Value::List result;
    const auto has = [](const Value& types, std::string_view type) {
      return std::ranges::any_of(*types.list(), [&](const Value& t) { return *t.string() == type; });
    };
    for (const std::string_view type : kTypes) {
      const bool integer = type == "integer";
      const bool in_a = has(a, type) || (integer && has(a, "number"));
      const bool in_b = has(b, type) || (integer && has(b, "number"));
      if (in_a && in_b && !(integer && has(a, "number") && has(b, "number"))) {
        result.push_back({std::string(type)});
      }
    }
    if (result.empty()) schema_error(path_, "type: no type is in both");
    return {std::move(result)};
  }

  const std::string& path_;
};

}  // namespace

void schema_error(std::string_view path, std::string_view problem) {
  throw Error(ErrorCode::invalid_argument, fmt::format("schema: {}: {}", path, problem));
}

void check_words(const Value& schema, const std::string& path) {
  if (!schema.dict()) schema_error(path, "expected an object, true or false");
  for (const auto& [name, value] : *schema.dict()) {
    const Word* word = find_word(name);
    if (!word) schema_error(path, fmt::format("{}: not supported", name));
    if (fits(value, word->kind)) continue;
    schema_error(path, fmt::format("{}: expected {}", name, expected(word->kind)));
  }
}

Value without_annotations(const Value& schema) {
  Value::Dict result;
  for (const ValueEntry& entry : *schema.dict()) {
    const Word* word = find_word(entry.key);
    if (word && word->kind != Kind::annotation) result.push_back(entry);
  }
  return {std::move(result)};
}

Value merge_schemas(const Value& a, const Value& b, const std::string& path) {
  return Merger(path).merge(a, b);
}

std::vector<std::string> types_of(const Value& schema) {
  std::vector<std::string> types;
  if (const Value* type = schema.find("type")) {
    const Value list = list_of(*type);
    for (const Value& name : *list.list()) types.push_back(*name.string());
    return types;
  }
  for (const ValueEntry& entry : *schema.dict()) {
    const Word* word = find_word(entry.key);
    if (!word || word->type.empty()) continue;
    if (std::ranges::find(types, word->type) == types.end()) types.emplace_back(word->type);
  }
  return types;
}

}  // namespace isobatch::grammar
