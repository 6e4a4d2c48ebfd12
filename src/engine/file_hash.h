#pragma once

#include <filesystem>
#include <string>

namespace isobatch::engine {

// SHA-256 in 64 lower-case hex digits. Throws Error(io).
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace isobatch::engine
