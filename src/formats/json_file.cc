#include "formats/json_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/mapped_file.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;  // far beyond any header or configuration

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

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return text;
}

json parse_json_object(std::span<const std::byte> text, const std::string& where) {
  using Event = json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto refuse_duplicates = [&](int depth, Event event, json& value) {
    if (depth > kMaxDepth) {
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: JSON nested over {} deep", where, kMaxDepth));
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: the key '{}' stands twice in one object", where,
                                                       printable(value.get<std::string>())));
    }
    return true;
  };
  const auto* begin = reinterpret_cast<const char*>(text.data());
  json object;
  try {
    object = json::parse(begin, begin + text.size(), refuse_duplicates);
  } catch (const json::exception& error) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: not JSON: {}", where, error.what()));
  }
  if (!object.is_object()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: expected a JSON object, found {}", where, object.type_name()));
  }
  return object;
}

Metadata flatten(const json& object) {
  Metadata metadata;
  add("", object, metadata);
  return metadata;
}

json read_json_object(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_json_object(file.bytes(), path.string());
}

}  // namespace isobatch::formats
