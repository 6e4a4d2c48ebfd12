#include "formats/json_file.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/mapped_file.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

constexpr int kMaxDepth = 64;  // far beyond any header or configuration

}  // namespace

nlohmann::json parse_json_object(std::span<const std::byte> text, const std::string& where) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto refuse_duplicates = [&](int depth, Event event, nlohmann::json& value) {
    if (depth > kMaxDepth) {
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: JSON nested over {} deep", where, kMaxDepth));
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: the key '{}' stands twice in one object", where,
                                                       value.get<std::string>()));
    }
    return true;
  };
  const auto* begin = reinterpret_cast<const char*>(text.data());
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(begin, begin + text.size(), refuse_duplicates);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: not JSON: {}", where, error.what()));
  }
  if (!json.is_object()) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: expected a JSON object, found {}", where, json.type_name()));
  }
  return json;
}

nlohmann::json read_json_object(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_json_object(file.bytes(), path.string());
}

}  // namespace isobatch::formats
