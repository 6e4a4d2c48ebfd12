#include "model_path.h"

#include <fmt/format.h>

#include <cstdlib>

#include "isobatch/error.h"

namespace isobatch::cli {
namespace {

constexpr const char* kDefaultModel = "smollm2";
constexpr const char* kDefaultFile = "SmolLM2-135M-Instruct.Q4_1.gguf";

std::filesystem::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return std::filesystem::path(cache) / "isobatch";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : ".") / ".cache" / "isobatch";
}

}  // namespace

std::filesystem::path find_model(const std::string& model) {
  const bool is_default = model == kDefaultModel;
  const std::filesystem::path path =
      is_default ? cache_folder() / kDefaultFile : std::filesystem::path(model);
  std::error_code error;
  if (std::filesystem::exists(path, error)) return path;
  throw Error(
      ErrorCode::not_found,
      fmt::format(
          "model {}: {}", path.string(),
          is_default
              ? "not found; ./run in the source folder fetches the default model"
              : "no such file; -m takes the path of a GGUF file or a Hugging Face directory, or smollm2"));
}

}  // namespace isobatch::cli
