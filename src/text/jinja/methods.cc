#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/builtin.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_string.h"
#include "text/jinja/string_functions.h"

namespace isobatch::text::jinja {
namespace {

using Values = std::span<const Value>;

bool absent(const Value& value) { return value.is_undefined() || value.is_none(); }

Value string_list(Context& context, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  for (const std::string_view part : parts) items.push_back(context.string(std::string(part)));
  return context.list(std::move(items));
}

template <Side side>
Value strip_method(Context& context, const Value& self, Values arguments) {
  if (absent(arguments[0])) return context.string(std::string(strip(*self.string(), side)));
  return context.string(
      std::string(strip(*self.string(), context.require_string(arguments[0], "strip"), side)));
}

// With a tuple: whether any of its strings stands there.
template <typename Stands>
bool any_affix(Context& context, const Value& affix, Stands stands) {
  if (affix.list() == nullptr) return stands(context.require_string(affix, "startswith and endswith"));
  return std::ranges::any_of(affix.list()->items, [&](const Value& a) {
    context.spend_steps(1);
    return stands(context.require_string(a, "startswith and endswith"));
  });
}

Value starts_with(Context& context, const Value& self, Values arguments) {
  return any_affix(context, arguments[0],
                   [&](const std::string& a) { return self.string()->starts_with(a); });
}

Value ends_with(Context& context, const Value& self, Values arguments) {
  return any_affix(context, arguments[0], [&](const std::string& a) { return self.string()->ends_with(a); });
}

Value find_method(Context& context, const Value& self, Values arguments) {
  const std::string_view text = *self.string();
  const std::size_t at = find(text, context.require_string(arguments[0], "find"));
  return at == text.npos ? std::int64_t{-1}
                         : static_cast<std::int64_t>(count_code_points(text.substr(0, at)));
}

Value split_method(Context& context, const Value& self, Values arguments) {
  const std::int64_t limit =
      arguments[1].is_undefined() ? -1 : context.require_integer(arguments[1], "split");
  context.spend_bytes(self.string()->size() * 2);
  if (absent(arguments[0])) return string_list(context, split_at_spaces(*self.string(), limit));
  const std::string& separator = context.require_string(arguments[0], "split");
  if (separator.empty()) context.fail("split: the separator is empty");
  return string_list(context, split(*self.string(), separator, limit));
}

Value replace_method(Context& context, const Value& self, Values arguments) {
  const std::int64_t limit =
      arguments[2].is_undefined() ? -1 : context.require_integer(arguments[2], "replace");
  return replace(context, *self.string(), context.require_string(arguments[0], "replace"),
                 context.require_string(arguments[1], "replace"), limit);
}

Value count_method(Context& context, const Value& self, Values arguments) {
  const std::string& part = context.require_string(arguments[0], "count");
  if (part.empty()) return static_cast<std::int64_t>(count_code_points(*self.string()) + 1);
  return static_cast<std::int64_t>(split(*self.string(), part, -1).size() - 1);
}

Value rfind_method(Context& context, const Value& self, Values arguments) {
  const std::string_view text = *self.string();
  const std::string& part = context.require_string(arguments[0], "rfind");
  context.spend_steps(text.size() * (part.size() + 1) / 64);
  const std::size_t at = text.rfind(part);
  return at == text.npos ? std::int64_t{-1}
                         : static_cast<std::int64_t>(count_code_points(text.substr(0, at)));
}

template <Side side>
Value remove_affix(Context& context, const Value& self, Values arguments) {
  std::string_view text = *self.string();
  const std::string& affix = context.require_string(arguments[0], "removeprefix and removesuffix");
  if (side == Side::left && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (side == Side::right && !affix.empty() && text.ends_with(affix)) text.remove_suffix(affix.size());
  return context.string(std::string(text));
}

Value split_lines_method(Context& context, const Value& self, Values arguments) {
  context.spend_bytes(self.string()->size() * 2);
  return string_list(context, split_lines(*self.string(), arguments[0].truth()));
}

Value rsplit_method(Context& context, const Value& self, Values arguments) {
  const std::string& separator = context.require_string(arguments[0], "rsplit");
  if (separator.empty()) context.fail("rsplit: the separator is empty");
  std::string_view text = *self.string();
  std::int64_t limit = arguments[1].is_undefined() ? -1 : context.require_integer(arguments[1], "rsplit");
  context.spend_bytes(text.size() * 2);
  std::vector<std::string_view> parts;
  while (limit-- != 0) {
    context.spend_steps(text.size() * separator.size() / 64);
    const std::size_t at = text.rfind(separator);
    if (at == text.npos) break;
    parts.insert(parts.begin(), text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  parts.insert(parts.begin(), text);
  return string_list(context, parts);
}

Value partition_method(Context& context, const Value& self, Values arguments) {
  const std::string& separator = context.require_string(arguments[0], "partition");
  if (separator.empty()) context.fail("partition: the separator is empty");
  const std::string_view text = *self.string();
  const std::size_t at = find(text, separator);
  std::vector<Value> parts = {context.string(std::string(text.substr(0, at))), context.string(""),
                              context.string("")};
  if (at != text.npos) {
    parts[1] = arguments[0];
    parts[2] = context.string(std::string(text.substr(at + separator.size())));
  }
  return context.list(std::move(parts), true);
}

// isdigit, isalpha … : not empty, and all characters are. Beyond ASCII: Error(unsupported).
template <bool (*is)(char)>
Value all_characters(Context& context, const Value& self, Values) {
  const std::string& text = *self.string();
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    context.unsupported("classes of characters beyond ASCII are not supported");
  }
  return !text.empty() && std::ranges::all_of(text, is);
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
bool is_white(char c) { return is_space(static_cast<unsigned char>(c)); }

Value join_method(Context& context, const Value& self, Values arguments) {
  const ListPtr items = context.items(arguments[0]);
  for (const Value& item : items->items) context.require_string(item, "join");
  return join(context, *self.string(), *items);
}

Value dict_get(Context& context, const Value& self, Values arguments) {
  for (const auto& [key, value] : self.dict()->items) {
    if (equal(context, key, arguments[0])) return value;
  }
  return arguments[1].is_undefined() ? Value(None{}) : arguments[1];
}

Value dict_values(Context& context, const Value& self, Values) {
  std::vector<Value> values;
  for (const auto& item : self.dict()->items) values.push_back(item.second);
  return context.list(std::move(values));
}

Value loop_cycle(Context& context, const Value& self, Values arguments) {
  const auto& choices = arguments[0].list()->items;
  if (choices.empty()) context.fail("cycle: nothing to choose from");
  return choices[self.loop()->index % choices.size()];
}

const std::vector<Builtin>& string_methods() {
  static const std::vector<Builtin> table = {
      {"capitalize", {}, 0, [](Context& c, const Value& v, Values) { return capitalize(c, *v.string()); }},
      {"count", {"part"}, 1, count_method},
      {"endswith", {"suffix"}, 1, ends_with},
      {"find", {"part"}, 1, find_method},
      {"isalnum", {}, 0, all_characters<is_alnum>},
      {"isalpha", {}, 0, all_characters<is_alpha>},
      {"isdigit", {}, 0, all_characters<is_digit>},
      {"isspace", {}, 0, all_characters<is_white>},
      {"join", {"items"}, 1, join_method},
      {"lower", {}, 0, [](Context& c, const Value& v, Values) { return to_lower(c, *v.string()); }},
      {"lstrip", {"chars"}, 0, strip_method<Side::left>},
      {"partition", {"sep"}, 1, partition_method},
      {"removeprefix", {"prefix"}, 1, remove_affix<Side::left>},
      {"removesuffix", {"suffix"}, 1, remove_affix<Side::right>},
      {"replace", {"old", "new", "count"}, 2, replace_method},
      {"rfind", {"part"}, 1, rfind_method},
      {"rsplit", {"sep", "maxsplit"}, 1, rsplit_method},
      {"rstrip", {"chars"}, 0, strip_method<Side::right>},
      {"split", {"sep", "maxsplit"}, 0, split_method},
      {"splitlines", {"keepends"}, 0, split_lines_method},
      {"startswith", {"prefix"}, 1, starts_with},
      {"strip", {"chars"}, 0, strip_method<Side::both>},
      {"upper", {}, 0, [](Context& c, const Value& v, Values) { return to_upper(c, *v.string()); }},
  };
  return table;
}

const std::vector<Builtin>& dict_methods() {
  static const std::vector<Builtin> table = {
      {"get", {"key", "default"}, 1, dict_get},
      {"items", {}, 0, [](Context& c, const Value& v, Values) { return dict_items(c, *v.dict()); }},
      {"keys", {}, 0, [](Context& c, const Value& v, Values) { return Value(c.items(v)); }},
      {"values", {}, 0, dict_values},
  };
  return table;
}

const std::vector<Builtin>& loop_methods() {
  static const std::vector<Builtin> table = {{"cycle", {"*"}, 0, loop_cycle}};
  return table;
}

}  // namespace

const Builtin* find_method(const Value& self, std::string_view name) {
  static const std::vector<Builtin> none;
  const std::vector<Builtin>& table = self.string() != nullptr ? string_methods()
                                      : self.dict() != nullptr ? dict_methods()
                                      : self.loop() != nullptr ? loop_methods()
                                                               : none;
  const auto found = std::ranges::find(table, name, &Builtin::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace isobatch::text::jinja
