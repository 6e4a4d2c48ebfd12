// The words of a schema, checked, and put together where several schemas hold at once.
#pragma once

#include <string>
#include <string_view>

#include "isobatch/value.h"

namespace isobatch::grammar {

[[noreturn]] void schema_error(std::string_view path, std::string_view problem);

// Throws when a word is not known or has a value of another kind than it takes. Not in depth.
void check_words(const Value& schema, const std::string& path);
// Without the words that only describe.
Value without_annotations(const Value& schema);

// What holds for both, of two checked objects. Throws where that cannot be said in one schema.
Value merge_schemas(const Value& a, const Value& b, const std::string& path);

// The types that values can have: "type", or else those that the other words speak of; empty: any.
std::vector<std::string> types_of(const Value& schema);

}  // namespace isobatch::grammar
