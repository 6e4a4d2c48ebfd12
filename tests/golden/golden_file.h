// The golden files in tests/golden, made by scripts in tools/.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace isobatch::golden {

inline std::string read_file(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(ISOBATCH_SOURCE_DIR) / "tests" / "golden" / name;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline nlohmann::json read_json(const std::string& name) { return nlohmann::json::parse(read_file(name)); }

}  // namespace isobatch::golden
