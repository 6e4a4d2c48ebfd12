#include "text/jinja/value.h"

#include <algorithm>

namespace isobatch::text::jinja {
namespace {

template <typename T>
const T* pointee(const Value::Variant& data) {
  const auto* pointer = std::get_if<std::shared_ptr<const T>>(&data);
  return pointer == nullptr ? nullptr : pointer->get();
}

}  // namespace

bool Value::is_number() const { return is_bool() || is_integer() || std::holds_alternative<double>(data_); }

const std::string* Value::string() const { return pointee<std::string>(data_); }
const List* Value::list() const { return pointee<List>(data_); }
const Dict* Value::dict() const { return pointee<Dict>(data_); }
const Loop* Value::loop() const { return pointee<Loop>(data_); }

const MacroFunction* Value::macro() const { return pointee<MacroFunction>(data_); }

const Builtin* Value::function() const {
  const auto* pointer = std::get_if<const Builtin*>(&data_);
  return pointer == nullptr ? nullptr : *pointer;
}

Namespace* Value::name_space() const {
  const auto* pointer = std::get_if<Namespace*>(&data_);
  return pointer == nullptr ? nullptr : *pointer;
}

ListPtr Value::shared_list() const {
  const auto* pointer = std::get_if<ListPtr>(&data_);
  return pointer == nullptr ? nullptr : *pointer;
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (const bool* b = std::get_if<bool>(&data_)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&data_)) return *i != 0;
  if (const double* d = std::get_if<double>(&data_)) return *d != 0;
  if (string() != nullptr) return !string()->empty();
  if (list() != nullptr) return !list()->items.empty();
  if (dict() != nullptr) return !dict()->items.empty();
  return true;
}

int Value::depth() const {
  if (list() != nullptr) return list()->depth;
  if (dict() != nullptr) return dict()->depth;
  if (loop() != nullptr) return loop()->items->depth + 1;
  return 0;
}

std::string_view Value::type_name() const {
  constexpr std::string_view kNames[] = {"Undefined",   "NoneType",  "bool",  "int",
                                         "float",       "str",       "list",  "dict",
                                         "LoopContext", "Namespace", "Macro", "function"};
  static_assert(std::size(kNames) == std::variant_size_v<Variant>);
  return list() != nullptr && list()->tuple ? "tuple" : kNames[data_.index()];
}

std::string_view Value::undefined_what() const {
  const auto* undefined = std::get_if<Undefined>(&data_);
  return undefined == nullptr || undefined->what == nullptr ? "value" : std::string_view(*undefined->what);
}

Value make_string(std::string text) {
  return StringPtr(std::make_shared<const std::string>(std::move(text)));
}

Value make_undefined(std::string what) {
  return Undefined{std::make_shared<const std::string>(std::move(what))};
}

const Value* find_item(const Dict& dict, std::string_view key) {
  const auto found = std::ranges::find_if(dict.items, [&](const auto& item) {
    const std::string* name = item.first.string();
    return name != nullptr && *name == key;
  });
  return found == dict.items.end() ? nullptr : &found->second;
}

}  // namespace isobatch::text::jinja
