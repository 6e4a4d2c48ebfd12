// JSON Schema (draft 2020-12, and the older words for the same) to a language of JSON texts.
#pragma once

#include <string_view>

#include "grammar/automaton.h"
#include "isobatch/value.h"

namespace isobatch::grammar {

// JSON texts that the schema accepts: not all of them, but each of them is valid. What is left out:
// properties in another order than the schema's, more properties than it names unless additionalProperties is
// given or it names none, escapes that need not be in strings with a pattern or format, numbers with more
// than 15 digits, objects and lists nested deeper than 16 where the schema says nothing. A schema without
// `type` is read by its other words.
//
// Read are type, enum, const, anyOf, oneOf (of what excludes one another), allOf (of what can be merged),
// $ref within the schema, $defs, definitions; properties, required, additionalProperties; items, prefixItems,
// minItems, maxItems; minLength, maxLength, pattern, format; minimum, maximum, exclusiveMinimum,
// exclusiveMaximum. Words that only describe are skipped. Throws Error(invalid_argument) naming any other
// word with its place ("$.properties.a"), and where nothing matches.
Term schema_term(Automaton& automaton, const Value& schema);

}  // namespace isobatch::grammar
