// JSON files of a model directory, which come from strangers.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "formats/model_file.h"

namespace isobatch::formats {

// The object that `text` is. Error(corrupt_file) with `where` when it is not JSON, no object, or has a key
// twice.
nlohmann::json parse_json_object(std::span<const std::byte> text, const std::string& where);

// A text of the file for a message, which is one line: control characters become question marks.
std::string printable(std::string text);

// Keys of nested objects joined by dots ("rope_parameters.factor"), arrays of one type; what is null, empty
// or of mixed types is left out.
Metadata flatten(const nlohmann::json& object);

// The same of a whole file. Throws Error: not_found, io, corrupt_file.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace isobatch::formats
