// Token ids by the tokens' text.
#pragma once

#include <string_view>
#include <unordered_map>

#include "isobatch/request.h"

namespace isobatch::text {

// Points into the spec that it was made from.
using TokenIndex = std::unordered_map<std::string_view, TokenId>;

}  // namespace isobatch::text
