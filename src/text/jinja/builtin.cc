#include "text/jinja/builtin.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::text::jinja {

Value call(Context& context, const Builtin& builtin, const Value& self, Arguments arguments) {
  context.spend_steps(1 + (self.string() != nullptr ? self.string()->size() / 64 : 0));
  const auto& parameters = builtin.parameters;
  const auto place = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(parameters, name) - parameters.begin());
  };
  const std::size_t count = parameters.size(), rest = place("*"), named_rest = place("**");
  const std::size_t by_position = std::min(rest, named_rest);
  auto& positional = arguments.positional;
  if (positional.size() > by_position && rest == count) {
    context.fail(fmt::format("{} takes at most {} arguments, {} are given", builtin.name, by_position,
                             positional.size()));
  }

  std::vector<Value> values(count);
  std::vector<bool> given(count);
  const std::size_t taken = std::min(by_position, positional.size());
  for (std::size_t i = 0; i < taken; ++i) {
    values[i] = std::move(positional[i]);
    given[i] = true;
  }
  std::vector<std::pair<Value, Value>> extra;
  for (auto& [name, value] : arguments.named) {
    const std::size_t at = place(name);
    if (at < count && !given[at]) {
      values[at] = std::move(value);
      given[at] = true;
    } else if (at == count && named_rest < count) {
      extra.emplace_back(make_string(name), std::move(value));
    } else {
      context.fail(fmt::format("{} {} \"{}\"", builtin.name,
                               at < count ? "is given twice the argument" : "has no argument of the name",
                               name));
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(builtin.required); ++i) {
    if (!given[i]) context.fail(fmt::format("{} needs the argument \"{}\"", builtin.name, parameters[i]));
  }
  if (rest < count) {
    const auto first = positional.begin() + static_cast<std::ptrdiff_t>(taken);
    values[rest] =
        context.list(std::vector<Value>(std::move_iterator(first), std::move_iterator(positional.end())));
  }
  if (named_rest < count) values[named_rest] = context.dict(std::move(extra));
  return builtin.call(context, self, values);
}

}  // namespace isobatch::text::jinja
