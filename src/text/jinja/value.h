// What a template computes with: Python's values, as far as templates use them. Strings, lists and dicts
// never change once made, so they are shared and no cycle can arise.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace isobatch::text::jinja {

class Value;

// A name, attribute or item that does not exist: prints as nothing, is false, iterates over nothing; what
// else is done with it is an error that quotes `what`.
struct Undefined {
  std::shared_ptr<const std::string> what;
};
struct None {};

struct List {
  std::vector<Value> items;
  bool tuple = false;
  int depth = 1;  // of lists and dicts within one another
};
struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in the order of insertion, keys differ
  int depth = 1;
};
// `loop` in a for statement; moves on with it.
struct Loop {
  std::shared_ptr<const List> items;
  std::size_t index = 0;
};
struct Builtin;  // text/jinja/builtin.h
struct Macro;    // text/jinja/ast.h
// A macro that has been defined.
struct MacroFunction {
  const Macro* definition;
  std::size_t level;  // of scopes: it sees those that were open when it was defined
};
// The one thing that templates change in place. The evaluator owns them, so they may hold one another.
struct Namespace {
  std::map<std::string, Value, std::less<>> attributes;
};

using StringPtr = std::shared_ptr<const std::string>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using LoopPtr = std::shared_ptr<const Loop>;
using MacroPtr = std::shared_ptr<const MacroFunction>;

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, std::int64_t, double, StringPtr, ListPtr, DictPtr,
                               LoopPtr, Namespace*, MacroPtr, const Builtin*>;

  Value() = default;  // undefined
  template <typename T>
  requires std::is_constructible_v<Variant, T> &&(!std::is_same_v<std::decay_t<T>, Value>)Value(T&& value)
      : data_(std::forward<T>(value)) {}  // NOLINT: values are meant to convert

  const Variant& data() const { return data_; }
  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_number() const;  // bool, integer or float, as in Python

  // nullptr when it is something else.
  const std::string* string() const;
  const List* list() const;
  const Dict* dict() const;
  const Loop* loop() const;
  const MacroFunction* macro() const;
  const Builtin* function() const;
  Namespace* name_space() const;
  ListPtr shared_list() const;

  bool truth() const;
  int depth() const;                        // 0: holds no other value
  std::string_view type_name() const;       // Python's
  std::string_view undefined_what() const;  // of an undefined value

 private:
  Variant data_;
};

Value make_string(std::string text);
Value make_undefined(std::string what);

// Linear in the keys. nullptr when absent.
const Value* find_item(const Dict& dict, std::string_view key);

}  // namespace isobatch::text::jinja
