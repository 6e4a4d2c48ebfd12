// Pieces of JSON as terms: what a JSON schema is compiled into.
#pragma once

#include <string>
#include <string_view>

#include "grammar/term.h"
#include "isobatch/value.h"

namespace isobatch::grammar {

// White space where JSON allows some, behind { [ , : and before } ]: none, one space, or a line break and at
// most 32 spaces.
Term space_term(TermPool& pool);
// The text of a value, strings with escapes only where they must be.
Term value_term(TermPool& pool, const Value& value);
Term string_literal(TermPool& pool, std::string_view text);
// From `low` to `high` characters between quotes, with any escapes that stand for characters.
Term string_term(TermPool& pool, std::uint32_t low, std::uint32_t high);
// Numbers of at most 15 digits before and behind the point and an exponent of at most two: every reader of
// JSON can hold them.
Term integer_term(TermPool& pool);
Term number_term(TermPool& pool);
// Any object, list or value, at most `depth` of the first two within one another.
Term object_term(TermPool& pool, int depth);
Term list_term(TermPool& pool, int depth);
Term any_value_term(TermPool& pool, int depth);

// One member of an object, and two joined by a comma.
Term member_term(TermPool& pool, Term key, Term value);
Term comma_term(TermPool& pool, Term next);

}  // namespace isobatch::grammar
