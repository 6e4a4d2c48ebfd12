#pragma once

#include <optional>
#include <string>

#include "grammar/term.h"

namespace isobatch::grammar {

// A decimal number, exactly: ±integer.fraction.
struct Decimal {
  bool negative = false;
  std::string integer = "0";  // without leading zeros
  std::string fraction;       // without trailing zeros
};
struct Bound {
  Decimal value;
  bool exclusive = false;
};

// Numbers as JSON writes them, of at most 15 digits before the point and, with `fractions`, behind it, in the
// range: no exponents. An intersection; it may be empty.
Term number_range_term(TermPool& pool, const std::optional<Bound>& least, const std::optional<Bound>& most,
                       bool fractions);

}  // namespace isobatch::grammar
