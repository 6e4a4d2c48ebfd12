#include "formats/hf_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "formats/json_file.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

using nlohmann::json;

template <typename T>
std::vector<T> all_of(const json& array) {
  std::vector<T> values;
  for (const json& value : array) values.push_back(value.get<T>());
  return values;
}

template <typename Test>
bool all(const json& array, Test test) {
  return !array.empty() && std::ranges::all_of(array, test);
}

void add(const std::string& key, const json& value, Metadata& metadata) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items())
      add(key.empty() ? name : key + "." + name, inner, metadata);
  } else if (value.is_boolean()) {
    metadata[key] = value.get<bool>();
  } else if (value.is_string()) {
    metadata[key] = value.get<std::string>();
  } else if (value.is_number_unsigned()) {
    metadata[key] = value.get<std::uint64_t>();
  } else if (value.is_number_integer()) {
    metadata[key] = value.get<std::int64_t>();
  } else if (value.is_number()) {
    metadata[key] = value.get<double>();
  } else if (value.is_array()) {
    if (all(value, [](const json& v) { return v.is_string(); })) metadata[key] = all_of<std::string>(value);
    if (all(value, [](const json& v) { return v.is_number(); })) {
      if (all(value, [](const json& v) { return v.is_number_unsigned(); })) {
        metadata[key] = all_of<std::uint64_t>(value);
      } else {
        metadata[key] = all_of<double>(value);
      }
    }
  }
}

}  // namespace

HfDirectory::HfDirectory(const std::filesystem::path& directory) {
  path_ = directory;
  files_.push_back(directory / "config.json");
  add("", read_json_object(files_.back()), metadata_);
  for (const std::filesystem::path& shard : find_shards()) {
    files_.push_back(shard);
    const auto& tensors = shards_.emplace_back(shard).tensors();
    tensors_.insert(tensors_.end(), tensors.begin(), tensors.end());
  }
  std::ranges::sort(tensors_, {}, &Tensor::name);
  const auto twice = std::ranges::adjacent_find(tensors_, {}, &Tensor::name);
  if (twice != tensors_.end()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: tensor {} is in two shards", directory.string(), twice->name));
  }
}

std::vector<std::filesystem::path> HfDirectory::find_shards() {
  const std::filesystem::path single = path_ / "model.safetensors",
                              index = path_ / "model.safetensors.index.json";
  std::error_code error;
  if (!std::filesystem::exists(index, error)) return {single};
  files_.push_back(index);
  const json json = read_json_object(index);
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
                              index.string(), tensor));
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
