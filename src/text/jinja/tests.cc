#include <algorithm>

#include "text/jinja/builtin.h"
#include "text/jinja/format.h"
#include "text/jinja/operators.h"
#include "text/jinja/string_functions.h"

namespace isobatch::text::jinja {
namespace {

using Values = std::span<const Value>;

template <CompareOp op>
Value compares(Context& context, const Value& self, Values arguments) {
  return compare(context, op, self, arguments[0]);
}

template <int remainder>
Value has_parity(Context& context, const Value& self, Values) {
  return (context.require_integer(self, remainder == 0 ? "even" : "odd") & 1) == remainder;
}

Value divisible_by(Context& context, const Value& self, Values arguments) {
  return !binary(context, BinaryOp::modulo, self, arguments[0]).truth();
}

template <Value (*change)(Context&, std::string_view)>
Value is_in_case(Context& context, const Value& self, Values) {
  const std::string text = to_text(context, self);
  const bool has_letter =
      std::ranges::any_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  return has_letter && *change(context, text).string() == text;
}

bool is_float(const Value& value) { return std::holds_alternative<double>(value.data()); }
bool is_sequence(const Value& value) {
  return value.string() != nullptr || value.list() != nullptr || value.dict() != nullptr ||
         value.is_undefined();
}
bool is_true_or_false(const Value& value, bool which) {
  return value.is_bool() && std::get<bool>(value.data()) == which;
}

}  // namespace

const Builtin* find_test(std::string_view name) {
  static const std::vector<Builtin> table = {
      {"==", {"other"}, 1, compares<CompareOp::equal>},
      {"boolean", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.is_bool(); }},
      {"callable",
       {},
       0,
       [](Context&, const Value& v, Values) -> Value {
         return v.macro() != nullptr || v.function() != nullptr;
       }},
      {"defined", {}, 0, [](Context&, const Value& v, Values) -> Value { return !v.is_undefined(); }},
      {"divisibleby", {"number"}, 1, divisible_by},
      {"eq", {"other"}, 1, compares<CompareOp::equal>},
      {"equalto", {"other"}, 1, compares<CompareOp::equal>},
      {"even", {}, 0, has_parity<0>},
      {"false", {}, 0, [](Context&, const Value& v, Values) -> Value { return is_true_or_false(v, false); }},
      {"float", {}, 0, [](Context&, const Value& v, Values) -> Value { return is_float(v); }},
      {"ge", {"other"}, 1, compares<CompareOp::greater_equal>},
      {"gt", {"other"}, 1, compares<CompareOp::greater>},
      {"in", {"container"}, 1, compares<CompareOp::in>},
      {"integer", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.is_integer(); }},
      {"iterable", {}, 0, [](Context&, const Value& v, Values) -> Value { return is_sequence(v); }},
      {"le", {"other"}, 1, compares<CompareOp::less_equal>},
      {"lower", {}, 0, is_in_case<to_lower>},
      {"lt", {"other"}, 1, compares<CompareOp::less>},
      {"mapping", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.dict() != nullptr; }},
      {"ne", {"other"}, 1, compares<CompareOp::not_equal>},
      {"none", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.is_none(); }},
      {"number", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.is_number(); }},
      {"odd", {}, 0, has_parity<1>},
      {"sequence", {}, 0, [](Context&, const Value& v, Values) -> Value { return is_sequence(v); }},
      {"string", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.string() != nullptr; }},
      {"true", {}, 0, [](Context&, const Value& v, Values) -> Value { return is_true_or_false(v, true); }},
      {"upper", {}, 0, is_in_case<to_upper>},
      {"undefined", {}, 0, [](Context&, const Value& v, Values) -> Value { return v.is_undefined(); }},
  };
  const auto found = std::ranges::find(table, name, &Builtin::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace isobatch::text::jinja
