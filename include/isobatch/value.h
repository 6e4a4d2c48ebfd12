// What JSON can say, without any JSON library: arguments of chat templates, and schemas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace isobatch {

struct ValueEntry;
struct Value {
  using List = std::vector<Value>;
  using Dict = std::vector<ValueEntry>;  // in this order; keys differ
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Dict> data;  // monostate: null

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  // nullptr when it is something else.
  const bool* boolean() const { return std::get_if<bool>(&data); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data); }
  const double* number() const { return std::get_if<double>(&data); }  // not of an integer
  const std::string* string() const { return std::get_if<std::string>(&data); }
  const List* list() const { return std::get_if<List>(&data); }
  const Dict* dict() const { return std::get_if<Dict>(&data); }
  // The entry of a dict; nullptr when there is none, or when it is no dict. Linear in the keys.
  const Value* find(std::string_view key) const;

  bool operator==(const Value& other) const;
};

struct ValueEntry {
  std::string key;
  Value value;
  bool operator==(const ValueEntry& other) const { return key == other.key && value == other.value; }
};

inline bool Value::operator==(const Value& other) const { return data == other.data; }

inline const Value* Value::find(std::string_view key) const {
  if (!dict()) return nullptr;
  for (const ValueEntry& entry : *dict()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

}  // namespace isobatch
