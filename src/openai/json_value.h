// JSON as isobatch::Value, whose objects keep the order of their text: schemas and what templates are given
// depend on it.
#pragma once

#include "openai/described_options.h"

namespace isobatch::openai {

OrderedJson to_json(const Value& value);

}  // namespace isobatch::openai
