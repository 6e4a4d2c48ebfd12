// Attributes, items and slices of values. What does not exist is undefined; of an undefined value it is an
// error.
#pragma once

#include <string_view>

#include "text/jinja/context.h"

namespace isobatch::text::jinja {

Value get_attribute(Context& context, const Value& object, std::string_view name);
Value get_item(Context& context, const Value& object, const Value& index);
// None: not given.
Value get_slice(Context& context, const Value& object, const Value& start, const Value& stop,
                const Value& step);

}  // namespace isobatch::text::jinja
