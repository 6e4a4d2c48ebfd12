#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/builtin.h"
#include "text/jinja/python_string.h"
#include "text/jinja/sort.h"
#include "text/jinja/string_functions.h"

namespace isobatch::text::jinja {
namespace {

using Values = std::span<const Value>;

// "a.b.0": attributes and items, one after the other; what is missing is `otherwise`, unless that is
// undefined.
Value get_path(Context& context, Value value, const Value& path, const Value& otherwise = {}) {
  const auto with_default = [&](Value found) {
    return found.is_undefined() && !otherwise.is_undefined() ? otherwise : found;
  };
  if (path.string() == nullptr) return with_default(get_item(context, value, path));
  for (const std::string_view part : split(*path.string(), ".", -1)) {
    context.spend_steps(1);
    const auto index = parse_integer(part);
    value = with_default(index ? get_item(context, value, *index)
                               : get_item(context, value, make_string(std::string(part))));
  }
  return value;
}

Arguments arguments_after(const List& list, std::size_t skipped) {
  Arguments arguments;
  arguments.positional.assign(
      list.items.begin() + static_cast<std::ptrdiff_t>(std::min(skipped, list.items.size())),
      list.items.end());
  return arguments;
}

const Builtin& named(Context& context, const Value& name, const char* kind,
                     const Builtin* (*find)(std::string_view)) {
  const std::string& text = context.require_string(name, kind);
  const Builtin* found = find(text);
  if (found == nullptr) context.unsupported(fmt::format("the {} \"{}\" is not known", kind, text));
  return *found;
}

// map('name', arguments …), or map(attribute='path', default=…)
Value map(Context& context, const Value& self, Values arguments) {
  const List& rest = *arguments[0].list();
  std::vector<Value> mapped;
  const ListPtr items = context.items(self);
  if (rest.items.empty()) {
    if (arguments[1].is_undefined()) context.fail("map: expected a filter or an attribute");
    for (const Value& item : items->items)
      mapped.push_back(get_path(context, item, arguments[1], arguments[2]));
  } else {
    const Builtin& filter = named(context, rest.items[0], "filter", find_filter);
    for (const Value& item : items->items)
      mapped.push_back(call(context, filter, item, arguments_after(rest, 1)));
  }
  return context.list(std::move(mapped));
}

// select and reject: ('test', arguments …); selectattr and rejectattr: ('path', 'test', arguments …). Without
// a test, the truth of the value.
template <bool by_attribute, bool kept_when>
Value select(Context& context, const Value& self, Values arguments) {
  const List& rest = *arguments[0].list();
  const std::size_t test_at = by_attribute ? 1 : 0;
  if (rest.items.size() < test_at) context.fail("selectattr and rejectattr: expected an attribute");
  const Builtin* test =
      rest.items.size() > test_at ? &named(context, rest.items[test_at], "test", find_test) : nullptr;
  std::vector<Value> kept;
  for (const Value& item : context.items(self)->items) {
    const Value value = by_attribute ? get_path(context, item, rest.items[0]) : item;
    const Value passes =
        test == nullptr ? value : call(context, *test, value, arguments_after(rest, test_at + 1));
    if (passes.truth() == kept_when) kept.push_back(item);
  }
  return context.list(std::move(kept));
}

// Strings without regard to case, unless asked.
Value sort_key(Context& context, const Value& value, bool case_sensitive) {
  return case_sensitive || value.string() == nullptr ? value : to_lower(context, *value.string());
}

using Keyed = std::pair<Value, Value>;  // key, item
const Value& key_of(const Keyed& keyed) { return keyed.first; }

std::vector<Keyed> keyed_items(Context& context, const Value& self, const Value& attribute,
                               bool case_sensitive) {
  std::vector<Keyed> keyed;
  for (const Value& item : context.items(self)->items) {
    const Value value =
        attribute.is_undefined() || attribute.is_none() ? item : get_path(context, item, attribute);
    keyed.emplace_back(sort_key(context, value, case_sensitive), item);
  }
  return keyed;
}

Value list_of_items(Context& context, std::vector<Keyed> keyed) {
  std::vector<Value> items;
  for (Keyed& pair : keyed) items.push_back(std::move(pair.second));
  return context.list(std::move(items));
}

Value sort(Context& context, const Value& self, Values arguments) {
  auto keyed = keyed_items(context, self, arguments[2], arguments[1].truth());
  sort_values(context, keyed, key_of, arguments[0].truth());
  return list_of_items(context, std::move(keyed));
}

Value dictsort(Context& context, const Value& self, Values arguments) {
  if (self.dict() == nullptr)
    context.fail(fmt::format("dictsort: expected a dict, found {}", self.type_name()));
  const std::string by =
      arguments[1].is_undefined() ? "key" : context.require_string(arguments[1], "dictsort: by");
  if (by != "key" && by != "value") context.fail("dictsort: expected key or value");
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : self.dict()->items) {
    keyed.emplace_back(sort_key(context, by == "key" ? key : value, arguments[0].truth()),
                       context.list({key, value}, true));
  }
  sort_values(context, keyed, key_of, arguments[2].truth());
  return list_of_items(context, std::move(keyed));
}

Value unique(Context& context, const Value& self, Values arguments) {
  std::vector<Keyed> kept;
  for (Keyed& item : keyed_items(context, self, arguments[1], arguments[0].truth())) {
    const bool known =
        std::ranges::any_of(kept, [&](const Keyed& k) { return equal(context, k.first, item.first); });
    if (!known) kept.push_back(std::move(item));
  }
  return list_of_items(context, std::move(kept));
}

template <CompareOp op>
Value extreme(Context& context, const Value& self, Values arguments) {
  const auto keyed = keyed_items(context, self, arguments[1], arguments[0].truth());
  if (keyed.empty()) return make_undefined("the extreme of nothing");
  const Keyed* best = &keyed.front();
  for (const Keyed& item : keyed) {
    if (compare(context, op, item.first, best->first)) best = &item;
  }
  return best->second;
}

Value sum(Context& context, const Value& self, Values arguments) {
  Value total = arguments[1].is_undefined() ? Value(std::int64_t{0}) : arguments[1];
  for (const Value& item : context.items(self)->items) {
    const bool whole = arguments[0].is_undefined() || arguments[0].is_none();
    total = binary(context, BinaryOp::add, total, whole ? item : get_path(context, item, arguments[0]));
  }
  return total;
}

}  // namespace

std::span<const Builtin> sequence_filters() {
  static const std::vector<Builtin> table = {
      {"dictsort", {"case_sensitive", "by", "reverse"}, 0, dictsort},
      {"map", {"*", "attribute", "default"}, 0, map},
      {"max", {"case_sensitive", "attribute"}, 0, extreme<CompareOp::greater>},
      {"min", {"case_sensitive", "attribute"}, 0, extreme<CompareOp::less>},
      {"reject", {"*"}, 0, select<false, false>},
      {"rejectattr", {"*"}, 0, select<true, false>},
      {"select", {"*"}, 0, select<false, true>},
      {"selectattr", {"*"}, 0, select<true, true>},
      {"sort", {"reverse", "case_sensitive", "attribute"}, 0, sort},
      {"sum", {"attribute", "start"}, 0, sum},
      {"unique", {"case_sensitive", "attribute"}, 0, unique},
  };
  return table;
}

}  // namespace isobatch::text::jinja
