#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "text/jinja/builtin.h"
#include "text/jinja/format.h"

namespace isobatch::text::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // Jinja's own bound

Value raise_exception(Context& context, const Value&, std::span<const Value> arguments) {
  context.fail(to_text(context, arguments[0]));
}

Value range(Context& context, const Value&, std::span<const Value> arguments) {
  std::int64_t start = 0, step = 1;
  std::int64_t stop = context.require_integer(arguments[0], "range");
  if (!arguments[1].is_undefined()) {
    start = stop;
    stop = context.require_integer(arguments[1], "range: stop");
  }
  if (!arguments[2].is_undefined()) step = context.require_integer(arguments[2], "range: step");
  if (step == 0) context.fail("range: step must not be zero");
  std::vector<Value> numbers;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (numbers.size() == kMaxRange) context.fail(fmt::format("range: more than {} numbers", kMaxRange));
    context.spend_steps(1);
    numbers.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return context.list(std::move(numbers));
}

Value name_space(Context& context, const Value&, std::span<const Value> arguments) {
  Value created = context.name_space();
  for (const auto& [key, value] : arguments[0].dict()->items) {
    created.name_space()->attributes[*key.string()] = value;
  }
  return created;
}

// datetime.now().strftime(format)
Value strftime_now(Context& context, const Value&, std::span<const Value> arguments) {
  const std::string& format = context.require_string(arguments[0], "strftime_now");
  for (std::size_t at = format.find('%'); at < format.size(); at = format.find('%', at + 2)) {
    const char what = at + 1 < format.size() ? format[at + 1] : '\0';
    constexpr std::string_view kKnown = "aAbBcdHIjmMpSUwWxXyYGuVDeFhnRTtC%";
    if (what == '\0' || kKnown.find(what) == kKnown.npos) {
      context.unsupported(fmt::format("strftime_now: the format {} is not supported", format.substr(at, 2)));
    }
  }
  context.spend_bytes(32 * format.size() + 2);
  // A character more, so that an empty result is none of failure.
  std::string text(32 * format.size() + 2, '\0');
  text.resize(std::strftime(text.data(), text.size(), (format + '.').c_str(), &context.now()));
  if (text.empty()) context.fail("strftime_now: the time cannot be written");
  text.pop_back();
  return make_string(std::move(text));
}

Value dict(Context&, const Value&, std::span<const Value> arguments) { return arguments[0]; }

}  // namespace

const Builtin* find_function(std::string_view name) {
  static const std::vector<Builtin> table = {
      {"dict", {"**"}, 0, dict},
      {"namespace", {"**"}, 0, name_space},
      {"raise_exception", {"message"}, 1, raise_exception},
      {"range", {"start", "stop", "step"}, 1, range},
      {"strftime_now", {"format"}, 1, strftime_now},
  };
  const auto found = std::ranges::find(table, name, &Builtin::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace isobatch::text::jinja
