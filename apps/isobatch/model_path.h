#pragma once

#include <filesystem>
#include <string>

namespace isobatch::cli {

// A path stays a path; "smollm2" is the default model in ${XDG_CACHE_HOME:-~/.cache}/isobatch. Throws
// Error(not_found) that says how to get it when nothing is there.
std::filesystem::path find_model(const std::string& model);

}  // namespace isobatch::cli
