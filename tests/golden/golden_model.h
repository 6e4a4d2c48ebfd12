// The models that golden files were made with.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace isobatch::golden {

inline std::filesystem::path cached_file(const char* name) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path root = cache != nullptr && *cache != '\0'
                                         ? std::filesystem::path(cache)
                                         : std::filesystem::path(home != nullptr ? home : "/") / ".cache";
  return root / "isobatch" / name;
}

inline std::filesystem::path model_path() { return cached_file("SmolLM2-135M-Instruct.Q4_1.gguf"); }
// What tools/fetch_gemma3.sh fetches.
inline std::filesystem::path gemma3_path() { return cached_file("gemma-3-270m-q4_k_m.gguf"); }

}  // namespace isobatch::golden
