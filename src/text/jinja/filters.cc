#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/builtin.h"
#include "text/jinja/format.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_string.h"
#include "text/jinja/string_functions.h"

namespace isobatch::text::jinja {
namespace {

using Values = std::span<const Value>;

Value absolute(Context& context, const Value& self, Values) {
  if (!self.is_number()) context.fail(fmt::format("abs: expected a number, found {}", self.type_name()));
  return compare(context, CompareOp::less, self, std::int64_t{0}) ? negate(context, self) : self;
}

Value default_value(Context& context, const Value& self, Values arguments) {
  const bool replace = self.is_undefined() || (arguments[1].truth() && !self.truth());
  if (!replace) return self;
  return arguments[0].is_undefined() ? context.string("") : arguments[0];
}

Value first(Context& context, const Value& self, Values) {
  const ListPtr list = context.items(self);
  return list->items.empty() ? make_undefined("the first item of nothing") : list->items.front();
}

Value last(Context& context, const Value& self, Values) {
  const ListPtr list = context.items(self);
  return list->items.empty() ? make_undefined("the last item of nothing") : list->items.back();
}

Value items(Context& context, const Value& self, Values) {
  if (self.is_undefined()) return context.list({});
  if (self.dict() == nullptr) context.fail(fmt::format("items: expected a dict, found {}", self.type_name()));
  return dict_items(context, *self.dict());
}

Value join_filter(Context& context, const Value& self, Values arguments) {
  const std::string separator = arguments[0].is_undefined() ? "" : to_text(context, arguments[0]);
  return join(context, separator, *context.items(self));
}

Value length(Context& context, const Value& self, Values) {
  if (const std::string* text = self.string()) return static_cast<std::int64_t>(count_code_points(*text));
  if (self.is_none() || self.is_number())
    context.fail(fmt::format("object of type '{}' has no len()", self.type_name()));
  if (const Dict* dict = self.dict()) return static_cast<std::int64_t>(dict->items.size());
  return static_cast<std::int64_t>(context.items(self)->items.size());
}

Value list(Context& context, const Value& self, Values) { return context.list(context.items(self)->items); }

Value replace_filter(Context& context, const Value& self, Values arguments) {
  const std::int64_t limit = arguments[2].is_undefined() || arguments[2].is_none()
                                 ? -1
                                 : context.require_integer(arguments[2], "replace");
  return replace(context, to_text(context, self), to_text(context, arguments[0]),
                 to_text(context, arguments[1]), limit);
}

Value reverse(Context& context, const Value& self, Values) {
  std::vector<Value> reversed = context.items(self)->items;
  std::ranges::reverse(reversed);
  Value list = context.list(std::move(reversed));
  return self.string() != nullptr ? join(context, "", *list.list()) : list;
}

Value tojson(Context& context, const Value& self, Values arguments) {
  JsonOptions options;
  options.ensure_ascii = arguments[0].truth();
  if (!arguments[1].is_undefined() && !arguments[1].is_none()) {
    const std::int64_t indent = context.require_integer(arguments[1], "tojson: indent");
    options.indent = static_cast<int>(std::clamp<std::int64_t>(indent, 0, 100));
    options.item_separator.assign(1, ',');
  }
  if (const List* separators = arguments[2].list()) {
    if (separators->items.size() != 2) context.fail("tojson: expected two separators");
    options.item_separator = context.require_string(separators->items[0], "tojson: separators");
    options.key_separator = context.require_string(separators->items[1], "tojson: separators");
  } else if (!arguments[2].is_undefined() && !arguments[2].is_none()) {
    context.fail("tojson: expected two separators");
  }
  options.sort_keys = arguments[3].truth();
  return make_string(to_json(context, self, options));
}

// As in Python, what is no number gives `default`.
Value to_integer(Context& context, const Value& self, Values arguments) {
  const Value otherwise = arguments[0].is_undefined() ? Value(std::int64_t{0}) : arguments[0];
  if (self.is_integer()) return self;
  if (self.is_bool()) return context.require_integer(self, "int");
  double number = 0;
  if (const auto* d = std::get_if<double>(&self.data())) {
    number = *d;
  } else {
    const std::string_view text =
        self.string() == nullptr ? std::string_view() : strip(*self.string(), Side::both);
    if (const auto integer = parse_integer(text)) return *integer;
    const auto parsed = parse_float(text);
    if (!parsed) return otherwise;
    number = *parsed;
  }
  if (!std::isfinite(number)) return otherwise;
  if (std::abs(number) >= 0x1p63) context.fail("int: the number does not fit into 64 bits");
  return static_cast<std::int64_t>(number);
}

Value to_float(Context& context, const Value& self, Values arguments) {
  const Value otherwise = arguments[0].is_undefined() ? Value(0.0) : arguments[0];
  if (const auto* d = std::get_if<double>(&self.data())) return *d;
  if (self.is_number()) return static_cast<double>(context.require_integer(self, "float"));
  if (self.string() == nullptr) return otherwise;
  const auto parsed = parse_float(strip(*self.string(), Side::both));
  return parsed ? Value(*parsed) : otherwise;
}

// All lines but the first (unless `first`) and empty ones (unless `blank`) moved to the right.
Value indent(Context& context, const Value& self, Values arguments) {
  std::string margin(4, ' ');
  if (const std::string* text = arguments[0].string()) {
    margin = *text;
  } else if (!arguments[0].is_undefined()) {
    margin.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(
                      context.require_integer(arguments[0], "indent: width"), 0, 1000)),
                  ' ');
  }
  std::string indented;
  const std::string text = to_text(context, self);
  const auto lines = split(text, "\n", -1);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    context.spend_bytes(margin.size() + lines[i].size() + 1);
    if (i > 0) indented += '\n';
    const bool moved = i == 0 ? arguments[1].truth() : arguments[2].truth() || !lines[i].empty();
    if (moved) indented += margin;
    indented += lines[i];
  }
  return make_string(std::move(indented));
}

Value trim(Context& context, const Value& self, Values arguments) {
  const std::string text = to_text(context, self);
  if (arguments[0].is_undefined() || arguments[0].is_none())
    return context.string(std::string(strip(text, Side::both)));
  return context.string(std::string(strip(text, context.require_string(arguments[0], "trim"), Side::both)));
}

}  // namespace

const Builtin* find_filter(std::string_view name) {
  static const std::vector<Builtin> table = {
      {"abs", {}, 0, absolute},
      {"capitalize", {}, 0, [](Context& c, const Value& v, Values) { return capitalize(c, to_text(c, v)); }},
      {"count", {}, 0, length},
      {"d", {"default_value", "boolean"}, 0, default_value},
      {"default", {"default_value", "boolean"}, 0, default_value},
      {"first", {}, 0, first},
      {"float", {"default"}, 0, to_float},
      {"indent", {"width", "first", "blank"}, 0, indent},
      {"int", {"default"}, 0, to_integer},
      {"items", {}, 0, items},
      {"join", {"d"}, 0, join_filter},
      {"last", {}, 0, last},
      {"length", {}, 0, length},
      {"list", {}, 0, list},
      {"lower", {}, 0, [](Context& c, const Value& v, Values) { return to_lower(c, to_text(c, v)); }},
      {"replace", {"old", "new", "count"}, 2, replace_filter},
      {"reverse", {}, 0, reverse},
      {"safe", {}, 0, [](Context& c, const Value& v, Values) { return c.string(to_text(c, v)); }},
      {"string", {}, 0, [](Context& c, const Value& v, Values) { return c.string(to_text(c, v)); }},
      {"title", {}, 0, [](Context& c, const Value& v, Values) { return title(c, to_text(c, v)); }},
      {"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0, tojson},
      {"trim", {"chars"}, 0, trim},
      {"upper", {}, 0, [](Context& c, const Value& v, Values) { return to_upper(c, to_text(c, v)); }},
  };
  if (const auto found = std::ranges::find(table, name, &Builtin::name); found != table.end()) return &*found;
  const auto sequence = std::ranges::find(sequence_filters(), name, &Builtin::name);
  return sequence == sequence_filters().end() ? nullptr : &*sequence;
}

}  // namespace isobatch::text::jinja
