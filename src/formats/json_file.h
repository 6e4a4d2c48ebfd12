// JSON files of a model directory, which come from strangers.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace isobatch::formats {

// The object that `text` is. Error(corrupt_file) with `where` when it is not JSON, no object, or has a key
// twice.
nlohmann::json parse_json_object(std::span<const std::byte> text, const std::string& where);

// The same of a whole file. Throws Error: not_found, io, corrupt_file.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace isobatch::formats
