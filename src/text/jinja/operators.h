// Python's operators on values.
#pragma once

#include "text/jinja/context.h"
#include "text/jinja/value.h"

namespace isobatch::text::jinja {

enum class BinaryOp { add, subtract, multiply, divide, floor_divide, modulo, concatenate };
enum class CompareOp { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

Value binary(Context& context, BinaryOp op, const Value& left, const Value& right);
Value negate(Context& context, const Value& value);

bool equal(Context& context, const Value& left, const Value& right);
bool compare(Context& context, CompareOp op, const Value& left, const Value& right);
bool contains(Context& context, const Value& container, const Value& item);

}  // namespace isobatch::text::jinja
