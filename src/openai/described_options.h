#pragma once

#include <nlohmann/json.hpp>

#include "isobatch/request.h"

namespace isobatch::openai {

using OrderedJson = nlohmann::ordered_json;  // keys stay in the order they are written in

OrderedJson described_options(const Request& request);  // describe_options() before it is text

}  // namespace isobatch::openai
