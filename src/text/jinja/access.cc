#include "text/jinja/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/operators.h"
#include "text/jinja/string_functions.h"

namespace isobatch::text::jinja {
namespace {

struct LoopAttribute {
  std::string_view name;
  Value (*get)(const Loop& loop);
};

std::int64_t integer(std::size_t n) { return static_cast<std::int64_t>(n); }

Value neighbour(const Loop& loop, bool exists, std::size_t index, const char* name) {
  return exists ? loop.items->items[index] : make_undefined(name);
}

constexpr LoopAttribute kLoopAttributes[] = {
    {"index", [](const Loop& l) -> Value { return integer(l.index + 1); }},
    {"index0", [](const Loop& l) -> Value { return integer(l.index); }},
    {"revindex", [](const Loop& l) -> Value { return integer(l.items->items.size() - l.index); }},
    {"revindex0", [](const Loop& l) -> Value { return integer(l.items->items.size() - l.index - 1); }},
    {"first", [](const Loop& l) -> Value { return l.index == 0; }},
    {"last", [](const Loop& l) -> Value { return l.index + 1 == l.items->items.size(); }},
    {"length", [](const Loop& l) -> Value { return integer(l.items->items.size()); }},
    // Of recursion, not of nesting.
    {"depth", [](const Loop&) -> Value { return std::int64_t{1}; }},
    {"depth0", [](const Loop&) -> Value { return std::int64_t{0}; }},
    {"previtem", [](const Loop& l) { return neighbour(l, l.index > 0, l.index - 1, "loop.previtem"); }},
    {"nextitem",
     [](const Loop& l) {
       return neighbour(l, l.index + 1 < l.items->items.size(), l.index + 1, "loop.nextitem");
     }},
};

struct Bounds {
  std::int64_t start, stop, step;
};

// Python's rules for a sequence of `size` items.
Bounds slice_bounds(Context& context, std::int64_t size, const Value& start, const Value& stop,
                    const Value& step) {
  const auto given = [](const Value& v) { return !v.is_none(); };
  Bounds b{0, 0, given(step) ? context.require_integer(step, "slice step") : 1};
  if (b.step == 0) context.fail("slice step cannot be zero");
  const std::int64_t low = b.step > 0 ? 0 : -1, high = b.step > 0 ? size : size - 1;
  const auto clamp = [&](const Value& v, std::int64_t otherwise) {
    if (!given(v)) return otherwise;
    const std::int64_t index = context.require_integer(v, "slice");
    return std::clamp(index < 0 ? std::max(index, -size - 1) + size : index, low, high);
  };
  b.start = clamp(start, b.step > 0 ? low : high);
  b.stop = clamp(stop, b.step > 0 ? high : low);
  return b;
}

}  // namespace

Value get_attribute(Context& context, const Value& object, std::string_view name) {
  context.require_defined(object);
  const Value* found = nullptr;
  if (const Dict* dict = object.dict()) {
    context.spend_steps(dict->items.size() / 16);
    found = find_item(*dict, name);
  } else if (const Namespace* name_space = object.name_space()) {
    const auto at = name_space->attributes.find(name);
    if (at != name_space->attributes.end()) found = &at->second;
  } else if (const Loop* loop = object.loop()) {
    const auto at = std::ranges::find(kLoopAttributes, name, &LoopAttribute::name);
    if (at != std::end(kLoopAttributes)) return at->get(*loop);
  }
  if (found != nullptr) return *found;
  return make_undefined(fmt::format("'{}' object has no attribute '{}', which", object.type_name(), name));
}

Value get_item(Context& context, const Value& object, const Value& index) {
  context.require_defined(object);
  if (object.dict() != nullptr) {
    for (const auto& [key, value] : object.dict()->items) {
      if (equal(context, key, index)) return value;
    }
  } else if (object.list() != nullptr || object.string() != nullptr) {
    if (index.is_integer() || index.is_bool()) {
      const ListPtr list = context.items(object);
      const auto size = static_cast<std::int64_t>(list->items.size());
      std::int64_t at = context.require_integer(index, "index");
      if (at < 0) at += size;
      if (at >= 0 && at < size) return list->items[static_cast<std::size_t>(at)];
    }
  } else if (index.string() != nullptr) {
    return get_attribute(context, object, *index.string());
  }
  return make_undefined(fmt::format("an item that this '{}' object does not have", object.type_name()));
}

Value get_slice(Context& context, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  context.require_defined(object);
  if (object.list() == nullptr && object.string() == nullptr) {
    context.fail(fmt::format("'{}' object cannot be sliced", object.type_name()));
  }
  const ListPtr list = context.items(object);
  const Bounds b = slice_bounds(context, static_cast<std::int64_t>(list->items.size()), start, stop, step);
  std::vector<Value> items;
  for (std::int64_t i = b.start; b.step > 0 ? i < b.stop : i > b.stop;) {
    items.push_back(list->items[static_cast<std::size_t>(i)]);
    if (__builtin_add_overflow(i, b.step, &i)) break;
  }
  Value slice = context.list(std::move(items), object.list() != nullptr && object.list()->tuple);
  return object.string() != nullptr ? join(context, "", *slice.list()) : slice;
}

}  // namespace isobatch::text::jinja
