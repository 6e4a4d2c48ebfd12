#include <fmt/format.h>

#include <cmath>

#include "text/jinja/format.h"
#include "text/jinja/operators.h"

namespace isobatch::text::jinja {
namespace {

constexpr std::string_view kNames[] = {"+", "-", "*", "/", "//", "%", "~"};

std::int64_t integer_of(const Value& value) {
  return value.is_bool() ? static_cast<std::int64_t>(std::get<bool>(value.data()))
                         : std::get<std::int64_t>(value.data());
}

bool is_integral(const Value& value) { return value.is_bool() || value.is_integer(); }

double float_of(const Value& value) {
  return is_integral(value) ? static_cast<double>(integer_of(value)) : std::get<double>(value.data());
}

// Division rounds down and the remainder has the divisor's sign, as in Python.
Value integer_arithmetic(Context& context, BinaryOp op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case BinaryOp::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case BinaryOp::subtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case BinaryOp::multiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case BinaryOp::floor_divide:
    case BinaryOp::modulo: {
      if (b == 0) context.fail("division by zero");
      overflow = b == -1 && __builtin_sub_overflow(std::int64_t{0}, a, &result);
      if (overflow || b == -1) break;
      const bool round_down = a % b != 0 && (a < 0) != (b < 0);
      result = op == BinaryOp::modulo ? a % b + (round_down ? b : 0) : a / b - (round_down ? 1 : 0);
      break;
    }
    default:
      context.unsupported(fmt::format("the operator {} is not supported", kNames[static_cast<int>(op)]));
  }
  if (op == BinaryOp::modulo && b == -1) return std::int64_t{0};
  if (overflow) context.fail("an integer does not fit in 64 bits");
  return result;
}

Value float_arithmetic(Context& context, BinaryOp op, double a, double b) {
  if (b == 0 && (op == BinaryOp::divide || op == BinaryOp::floor_divide || op == BinaryOp::modulo)) {
    context.fail("division by zero");
  }
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::subtract:
      return a - b;
    case BinaryOp::multiply:
      return a * b;
    case BinaryOp::divide:
      return a / b;
    case BinaryOp::floor_divide:
      return std::floor(a / b);
    case BinaryOp::modulo: {
      const double remainder = std::fmod(a, b);
      return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
    }
    default:
      context.unsupported(fmt::format("the operator {} is not supported", kNames[static_cast<int>(op)]));
  }
}

Value repeat(Context& context, const Value& sequence, std::int64_t times) {
  const std::uint64_t count = times < 0 ? 0 : static_cast<std::uint64_t>(times);
  const std::size_t size =
      sequence.string() != nullptr ? sequence.string()->size() : sequence.list()->items.size();
  if (size != 0 && count > kMaxBytes / size)
    context.fail(fmt::format("a sequence of {} times {}", count, size));
  if (const std::string* text = sequence.string()) {
    context.spend_bytes(size * count);
    std::string repeated;
    for (std::uint64_t i = 0; size != 0 && i < count; ++i) repeated += *text;
    return make_string(std::move(repeated));
  }
  context.spend_bytes(size * count * sizeof(Value));
  std::vector<Value> items;
  for (std::uint64_t i = 0; size != 0 && i < count; ++i) {
    items.insert(items.end(), sequence.list()->items.begin(), sequence.list()->items.end());
  }
  return context.list(std::move(items), sequence.list()->tuple);
}

bool is_sequence(const Value& value) { return value.string() != nullptr || value.list() != nullptr; }

}  // namespace

Value binary(Context& context, BinaryOp op, const Value& left, const Value& right) {
  if (op == BinaryOp::concatenate) return context.string(to_text(context, left) += to_text(context, right));
  context.require_defined(left);
  context.require_defined(right);
  if (left.is_number() && right.is_number()) {
    if (is_integral(left) && is_integral(right) && op != BinaryOp::divide) {
      return integer_arithmetic(context, op, integer_of(left), integer_of(right));
    }
    return float_arithmetic(context, op, float_of(left), float_of(right));
  }
  if (op == BinaryOp::add && left.string() != nullptr && right.string() != nullptr) {
    context.spend_bytes(left.string()->size() + right.string()->size());
    return make_string(*left.string() + *right.string());
  }
  if (op == BinaryOp::add && left.list() != nullptr && right.list() != nullptr &&
      left.list()->tuple == right.list()->tuple) {
    context.spend_bytes((left.list()->items.size() + right.list()->items.size()) * sizeof(Value));
    std::vector<Value> items = left.list()->items;
    items.insert(items.end(), right.list()->items.begin(), right.list()->items.end());
    return context.list(std::move(items), left.list()->tuple);
  }
  if (op == BinaryOp::multiply && is_sequence(left) && is_integral(right)) {
    return repeat(context, left, integer_of(right));
  }
  if (op == BinaryOp::multiply && is_integral(left) && is_sequence(right)) {
    return repeat(context, right, integer_of(left));
  }
  if (op == BinaryOp::modulo && left.string() != nullptr)
    context.unsupported("formatting with % is not supported");
  context.fail(fmt::format("unsupported operand types for {}: '{}' and '{}'", kNames[static_cast<int>(op)],
                           left.type_name(), right.type_name()));
}

Value negate(Context& context, const Value& value) {
  context.require_defined(value);
  if (is_integral(value)) return integer_arithmetic(context, BinaryOp::subtract, 0, integer_of(value));
  if (!value.is_number()) context.fail(fmt::format("bad operand type for unary -: '{}'", value.type_name()));
  return -float_of(value);
}

}  // namespace isobatch::text::jinja
