#include "grammar/number_range.h"

#include <fmt/format.h>

#include <vector>

#include "grammar/code_points.h"
#include "grammar/regex.h"

namespace isobatch::grammar {
namespace {

constexpr const char* kAnyFraction = "(\\.\\d+)?";

std::string digits_from(char first, char last) {
  return first > last ? std::string() : fmt::format("[{}-{}]", first, last);
}

// Regular expressions of the decimal numbers that differ from `bound`, on one side of it: compared by the
// number of digits, then digit by digit.
std::vector<std::string> beyond(const Decimal& bound, bool greater) {
  const std::string &integer = bound.integer, &fraction = bound.fraction;
  const std::size_t n = integer.size();
  std::vector<std::string> ways;
  if (greater) {
    ways.push_back(fmt::format("[1-9]\\d{{{},}}{}", n, kAnyFraction));
  } else if (n > 1) {
    ways.push_back(fmt::format("(0|[1-9]\\d{{0,{}}}){}", n - 2, kAnyFraction));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const char least = i == 0 && n > 1 ? '1' : '0';
    const std::string digit = greater ? digits_from(static_cast<char>(integer[i] + 1), '9')
                                      : digits_from(least, static_cast<char>(integer[i] - 1));
    if (digit.empty()) continue;
    ways.push_back(fmt::format("{}{}\\d{{{}}}{}", integer.substr(0, i), digit, n - i - 1, kAnyFraction));
  }
  for (std::size_t i = 0; i < fraction.size(); ++i) {
    // A fraction that ends before the bound's does is less: that one's last digit is no zero.
    if (!greater) {
      ways.push_back(i == 0 ? integer : fmt::format("{}\\.{}", integer, fraction.substr(0, i)));
    }
    const std::string digit = greater ? digits_from(static_cast<char>(fraction[i] + 1), '9')
                                      : digits_from('0', static_cast<char>(fraction[i] - 1));
    if (digit.empty()) continue;
    ways.push_back(fmt::format("{}\\.{}{}\\d*", integer, fraction.substr(0, i), digit));
  }
  if (greater) ways.push_back(fmt::format("{}\\.{}\\d*[1-9]\\d*", integer, fraction));
  return ways;
}

std::string equal_to(const Decimal& value) {
  return value.fraction.empty() ? fmt::format("{}(\\.0+)?", value.integer)
                                : fmt::format("{}\\.{}0*", value.integer, value.fraction);
}

Term one_side(TermPool& pool, const Bound& bound, bool greater) {
  std::vector<std::string> ways = beyond(bound.value, greater);
  if (!bound.exclusive) ways.push_back(equal_to(bound.value));
  std::vector<Term> terms;
  for (const std::string& way : ways) {
    terms.push_back(regex_term(pool, way, RegexMatch::whole, utf8_term, "number"));
  }
  return pool.either(std::move(terms));
}

}  // namespace

Term number_range_term(TermPool& pool, const std::optional<Bound>& least, const std::optional<Bound>& most,
                       bool fractions) {
  const Term written = regex_term(pool, fractions ? "(0|[1-9]\\d{0,14})(\\.\\d{1,15})?" : "0|[1-9]\\d{0,14}",
                                  RegexMatch::whole, utf8_term, "number");
  const auto is_zero = [](const Decimal& d) { return d.integer == "0" && d.fraction.empty(); };
  const auto below_zero = [&](const Bound& b) { return b.value.negative && !is_zero(b.value); };
  std::vector<Term> signs;
  const bool positive = !most || !(below_zero(*most) || (most->exclusive && is_zero(most->value)));
  if (positive) {
    std::vector<Term> conditions = {written};
    if (least && !below_zero(*least)) conditions.push_back(one_side(pool, *least, true));
    if (most) conditions.push_back(one_side(pool, *most, false));
    signs.push_back(pool.both(std::move(conditions)));
  }
  const bool negative = !least || below_zero(*least);
  if (negative) {  // of its absolute value, the bounds change places
    std::vector<Term> conditions = {written};
    if (least) conditions.push_back(one_side(pool, *least, false));
    if (most && below_zero(*most)) conditions.push_back(one_side(pool, *most, true));
    if (most && most->exclusive && is_zero(most->value)) conditions.push_back(one_side(pool, *most, true));
    signs.push_back(pool.concat(pool.literal("-"), pool.both(std::move(conditions))));
  }
  return pool.either(std::move(signs));
}

}  // namespace isobatch::grammar
