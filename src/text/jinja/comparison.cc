#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <optional>

#include "text/jinja/operators.h"
#include "text/jinja/python_string.h"

namespace isobatch::text::jinja {
namespace {

constexpr std::string_view kNames[] = {"==", "!=", "<", "<=", ">", ">=", "in", "not in"};

// Bools, integers and floats compare by their value.
std::partial_ordering order_numbers(const Value& left, const Value& right) {
  const auto integral = [](const Value& v) -> std::optional<std::int64_t> {
    if (v.is_bool()) return std::get<bool>(v.data()) ? 1 : 0;
    if (v.is_integer()) return std::get<std::int64_t>(v.data());
    return std::nullopt;
  };
  const auto a = integral(left), b = integral(right);
  if (a && b) return *a <=> *b;
  return (a ? static_cast<double>(*a) : std::get<double>(left.data())) <=>
         (b ? static_cast<double>(*b) : std::get<double>(right.data()));
}

std::partial_ordering order(Context& context, CompareOp op, const Value& left, const Value& right) {
  context.spend_steps(1);
  if (left.is_number() && right.is_number()) return order_numbers(left, right);
  if (left.string() != nullptr && right.string() != nullptr) {  // UTF-8 sorts as its code points do
    context.spend_steps(std::min(left.string()->size(), right.string()->size()) / 64);
    return left.string()->compare(*right.string()) <=> 0;
  }
  const List* a = left.list();
  const List* b = right.list();
  if (a != nullptr && b != nullptr && a->tuple == b->tuple) {
    for (std::size_t i = 0; i < std::min(a->items.size(), b->items.size()); ++i) {
      if (!equal(context, a->items[i], b->items[i])) return order(context, op, a->items[i], b->items[i]);
    }
    return a->items.size() <=> b->items.size();
  }
  context.require_defined(left);
  context.require_defined(right);
  context.fail(fmt::format("'{}' not supported between '{}' and '{}'", kNames[static_cast<int>(op)],
                           left.type_name(), right.type_name()));
}

bool equal_lists(Context& context, const List& a, const List& b) {
  return a.tuple == b.tuple && std::ranges::equal(a.items, b.items, [&](const Value& x, const Value& y) {
           return equal(context, x, y);
         });
}

bool equal_dicts(Context& context, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::ranges::all_of(a.items, [&](const auto& item) {
    const auto other =
        std::ranges::find_if(b.items, [&](const auto& i) { return equal(context, i.first, item.first); });
    return other != b.items.end() && equal(context, item.second, other->second);
  });
}

}  // namespace

bool equal(Context& context, const Value& left, const Value& right) {
  context.spend_steps(1);
  if (left.is_number() && right.is_number()) return order_numbers(left, right) == 0;
  if (left.data().index() != right.data().index()) return false;
  if (const std::string* text = left.string()) {
    context.spend_steps(std::min(text->size(), right.string()->size()) / 64);
    return *text == *right.string();
  }
  if (left.list() != nullptr) return equal_lists(context, *left.list(), *right.list());
  if (left.dict() != nullptr) return equal_dicts(context, *left.dict(), *right.dict());
  if (left.loop() != nullptr) return left.loop() == right.loop();
  return left.name_space() == right.name_space();  // both null for none and undefined
}

bool contains(Context& context, const Value& container, const Value& item) {
  if (const std::string* text = container.string()) {
    context.spend_steps(1 + text->size() / 64);
    return find(*text, context.require_string(item, "left of in")) != text->npos;
  }
  return std::ranges::any_of(context.items(container)->items,
                             [&](const Value& other) { return equal(context, other, item); });
}

bool compare(Context& context, CompareOp op, const Value& left, const Value& right) {
  switch (op) {
    case CompareOp::equal:
      return equal(context, left, right);
    case CompareOp::not_equal:
      return !equal(context, left, right);
    case CompareOp::in:
      return contains(context, right, left);
    case CompareOp::not_in:
      return !contains(context, right, left);
    case CompareOp::less:
      return order(context, op, left, right) < 0;
    case CompareOp::less_equal:
      return order(context, op, left, right) <= 0;
    case CompareOp::greater:
      return order(context, op, left, right) > 0;
    case CompareOp::greater_equal:
      return order(context, op, left, right) >= 0;
  }
  return false;
}

}  // namespace isobatch::text::jinja
