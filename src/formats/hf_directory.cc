#include "formats/hf_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "formats/json_file.h"
#include "isobatch/error.h"

namespace isobatch::formats {

HfDirectory::HfDirectory(const std::filesystem::path& directory) {
  path_ = directory;
  files_.push_back(directory / "config.json");
  metadata_ = flatten(read_json_object(files_.back()));
  for (const std::filesystem::path& shard : find_shards()) {
    files_.push_back(shard);
    const auto& tensors = shards_.emplace_back(shard).tensors();
    tensors_.insert(tensors_.end(), tensors.begin(), tensors.end());
  }
  std::ranges::sort(tensors_, {}, &Tensor::name);
  const auto twice = std::ranges::adjacent_find(tensors_, {}, &Tensor::name);
  if (twice != tensors_.end()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: tensor {} is in two shards", directory.string(), printable(twice->name)));
  }
}

std::vector<std::filesystem::path> HfDirectory::find_shards() {
  const std::filesystem::path single = path_ / "model.safetensors",
                              index = path_ / "model.safetensors.index.json";
  std::error_code error;
  if (!std::filesystem::exists(index, error)) return {single};
  files_.push_back(index);
  const nlohmann::json json = read_json_object(index);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: weight_map: expected an object", index.string()));
  }
  std::set<std::string> names;
  for (const auto& [tensor, shard] : map->items()) {
    const std::filesystem::path name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || name.filename() != name || name == ".." || name == ".") {
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: weight_map: {}: expected the name of a file beside the index",
                              index.string(), printable(tensor)));
    }
    names.insert(name.string());
  }
  std::vector<std::filesystem::path> shards;
  for (const std::string& name : names) shards.push_back(path_ / name);
  return shards;
}

void HfDirectory::release(const Tensor& tensor) const {
  for (const SafetensorsFile& shard : shards_) {
    if (shard.holds(tensor)) return shard.release(tensor);
  }
}

}  // namespace isobatch::formats
