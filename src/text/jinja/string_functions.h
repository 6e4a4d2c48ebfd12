// What filters and methods share.
#pragma once

#include <string_view>

#include "text/jinja/context.h"

namespace isobatch::text::jinja {

// To large letters in ASCII only; other characters: Error(unsupported), for a wrong letter would go unseen.
Value to_upper(Context& context, std::string_view text);
Value to_lower(Context& context, std::string_view text);
// The first letter of each word large, the others small; words as Jinja's filter cuts them.
Value title(Context& context, std::string_view text);
Value capitalize(Context& context, std::string_view text);

Value join(Context& context, std::string_view separator, const List& items);
// `limit` negative: all.
Value replace(Context& context, std::string_view text, std::string_view from, std::string_view to,
              std::int64_t limit);
Value dict_items(Context& context, const Dict& dict);

}  // namespace isobatch::text::jinja
