#include "text/jinja/builtin.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobatch::text::jinja {

Value call(Context& context, const Builtin& builtin, const Value& self, Arguments arguments) {
  context.spend_steps(1 + (self.string() != nullptr ? self.string()->size() / 64 : 0));
  const auto& parameters = builtin.parameters;
  const bool rest = !parameters.empty() && parameters.back() == "*";
  const bool named_rest = !parameters.empty() && parameters.back() == "**";
  const std::size_t plain = parameters.size() - (rest || named_rest ? 1 : 0);
  auto& positional = arguments.positional;
  if (positional.size() > plain && !rest) {
    context.fail(
        fmt::format("{} takes at most {} arguments, {} are given", builtin.name, plain, positional.size()));
  }

  std::vector<Value> values(plain);
  std::vector<bool> given(plain);
  for (std::size_t i = 0; i < std::min(plain, positional.size()); ++i) {
    values[i] = std::move(positional[i]);
    given[i] = true;
  }
  std::vector<std::pair<Value, Value>> extra;
  for (auto& [name, value] : arguments.named) {
    const auto found =
        std::find(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(plain), name);
    const auto at = static_cast<std::size_t>(found - parameters.begin());
    if (at < plain && !given[at]) {
      values[at] = std::move(value);
      given[at] = true;
    } else if (at == plain && named_rest) {
      extra.emplace_back(make_string(name), std::move(value));
    } else {
      context.fail(fmt::format("{} {} \"{}\"", builtin.name,
                               at < plain ? "is given twice the argument" : "has no argument of the name",
                               name));
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(builtin.required); ++i) {
    if (!given[i]) context.fail(fmt::format("{} needs the argument \"{}\"", builtin.name, parameters[i]));
  }
  if (rest) {
    const auto first = positional.begin() + static_cast<std::ptrdiff_t>(std::min(plain, positional.size()));
    values.push_back(
        context.list(std::vector<Value>(std::move_iterator(first), std::move_iterator(positional.end()))));
  }
  if (named_rest) values.push_back(context.dict(std::move(extra)));
  return builtin.call(context, self, values);
}

}  // namespace isobatch::text::jinja
