// Filters, tests, functions and methods: one table each, one row per name.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/context.h"
#include "text/jinja/value.h"

namespace isobatch::text::jinja {

// What a call passes, evaluated.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Builtin {
  // `self`: what stands before | or is or the dot; undefined for functions. `arguments`: one for each
  // parameter, undefined where the call gives none.
  using Call = Value (*)(Context& context, const Value& self, std::span<const Value> arguments);

  std::string_view name;
  // "*" is a list of the rest, and those after it are given by name; "**" is a dict of other names.
  std::vector<std::string_view> parameters;
  int required;  // how many of them must be given
  Call call;
};

// Filters that walk over sequences, a part of those that find_filter knows.
std::span<const Builtin> sequence_filters();

// nullptr when there is none of that name.
const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_function(std::string_view name);
const Builtin* find_method(const Value& self, std::string_view name);

// Fits the arguments to the parameters and calls. Throws Error(invalid_argument) when they do not fit.
Value call(Context& context, const Builtin& builtin, const Value& self, Arguments arguments);

}  // namespace isobatch::text::jinja
