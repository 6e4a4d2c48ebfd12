// The default model, which the golden files were made with.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace isobatch::golden {

inline std::filesystem::path model_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path root = cache != nullptr && *cache != '\0'
                                         ? std::filesystem::path(cache)
                                         : std::filesystem::path(home != nullptr ? home : "/") / ".cache";
  return root / "isobatch" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace isobatch::golden
