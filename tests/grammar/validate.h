// A validator of JSON Schema, as far as the engine's constraints go, that shares nothing with them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace isobatch::test {

// Empty when `value` is valid, else where it is not and by which word. `root`: where $ref looks.
std::string invalid_part(const nlohmann::json& value, const nlohmann::json& schema,
                         const nlohmann::json& root, const std::string& path = "$");

}  // namespace isobatch::test
