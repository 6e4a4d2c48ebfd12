#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "audit/report/fields.h"
#include "isobatch/audit/render.h"
#include "isobatch/error.h"
#include "openai/json_object.h"

namespace isobatch::audit {
namespace {

// JSON has no word for these; null is NaN.
constexpr const char* kInfinity = "Infinity";
constexpr const char* kMinusInfinity = "-Infinity";

using Ordered = nlohmann::ordered_json;

struct Writer {
  Ordered object = Ordered::object();

  template <typename T>
  void operator()(const char* name, const T& value) {
    object[name] = json(value);
  }

  static Ordered json(bool value) { return value; }
  static Ordered json(std::integral auto value) { return value; }
  static Ordered json(double value) {
    if (std::isnan(value)) return nullptr;
    if (std::isinf(value)) return value > 0 ? kInfinity : kMinusInfinity;
    return value;
  }
  // The double that is written with the f32's shortest digits, where that reads back as the same f32.
  static Ordered json(float value) {
    if (!std::isfinite(value)) return json(static_cast<double>(value));
    const double shortest = std::strtod(fmt::format("{}", value).c_str(), nullptr);
    return static_cast<float>(shortest) == value ? shortest : static_cast<double>(value);
  }
  static Ordered json(const std::string& value) { return value; }
  static Ordered json(Factor value) { return key_of(value); }
  static Ordered json(VerdictKind value) { return key_of(value); }
  static Ordered json(const std::pair<std::string, std::string>& value) {
    return Ordered::array({value.first, value.second});
  }
  template <typename T>
  static Ordered json(const std::optional<T>& value) {
    return value ? json(*value) : Ordered(nullptr);
  }
  template <typename T>
  static Ordered list(const T& values) {
    Ordered array = Ordered::array();
    for (const auto& value : values) array.push_back(json(value));
    return array;
  }
  template <typename T>
  static Ordered json(const std::vector<T>& values) {
    return list(values);
  }
  static Ordered json(const std::set<Factor>& values) { return list(values); }
  template <typename T>
  requires std::is_class_v<T>
  static Ordered json(const T& value) {
    Writer writer;
    fields(writer, value);
    return std::move(writer.object);
  }
};

[[noreturn]] void fail(const std::string& path, std::string_view expected, const nlohmann::json& actual) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("audit report: {}: expected {}, got {}", path, expected, openai::excerpt(actual)));
}

struct Reader {
  const nlohmann::json& object;
  std::string path;

  Reader(const nlohmann::json& value, std::string where) : object(value), path(std::move(where)) {
    if (!object.is_object()) fail(path.empty() ? "the report" : path, "an object", object);
  }

  template <typename T>
  void operator()(const char* name, T& value) {
    const auto found = object.find(name);
    if (found != object.end()) read(*found, path.empty() ? name : fmt::format("{}.{}", path, name), value);
  }

  static void read(const nlohmann::json& json, const std::string& path, bool& value) {
    if (!json.is_boolean()) fail(path, "true or false", json);
    value = json.get<bool>();
  }
  template <std::integral T>
  static void read(const nlohmann::json& json, const std::string& path, T& value) {
    if constexpr (std::is_unsigned_v<T>) {
      if (!json.is_number_unsigned()) fail(path, "an integer of at least 0", json);
      value = json.get<T>();
    } else {
      constexpr std::int64_t least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
      const bool fits = json.is_number_integer() &&
                        (!json.is_number_unsigned() || json.get<std::uint64_t>() <= std::uint64_t(most)) &&
                        json.get<std::int64_t>() >= least && json.get<std::int64_t>() <= most;
      if (!fits) fail(path, fmt::format("an integer from {} to {}", least, most), json);
      value = json.get<T>();
    }
  }
  template <std::floating_point T>
  static void read(const nlohmann::json& json, const std::string& path, T& value) {
    constexpr T infinity = std::numeric_limits<T>::infinity();
    if (json.is_null()) {
      value = std::numeric_limits<T>::quiet_NaN();
    } else if (json == kInfinity || json == kMinusInfinity) {
      value = json == kInfinity ? infinity : -infinity;
    } else if (json.is_number()) {
      value = static_cast<T>(json.get<double>());
    } else {
      fail(path, R"(a number, null, "Infinity" or "-Infinity")", json);
    }
  }
  static void read(const nlohmann::json& json, const std::string& path, std::string& value) {
    if (!json.is_string()) fail(path, "a string", json);
    value = json.get<std::string>();
  }
  template <typename T>
  static void read_key(const nlohmann::json& json, const std::string& path, std::string_view what,
                       std::optional<T> (*of_key)(std::string_view), T& value) {
    const auto found = json.is_string() ? of_key(json.get_ref<const std::string&>()) : std::nullopt;
    if (!found) fail(path, what, json);
    value = *found;
  }
  static void read(const nlohmann::json& json, const std::string& path, Factor& value) {
    read_key(json, path, "the key of a factor", factor_of_key, value);
  }
  static void read(const nlohmann::json& json, const std::string& path, VerdictKind& value) {
    read_key(json, path, "the key of a verdict", verdict_of_key, value);
  }
  static void read(const nlohmann::json& json, const std::string& path,
                   std::pair<std::string, std::string>& value) {
    if (!json.is_array() || json.size() != 2) fail(path, "a list of two strings", json);
    read(json[0], path + "[0]", value.first);
    read(json[1], path + "[1]", value.second);
  }
  template <typename T>
  static void read(const nlohmann::json& json, const std::string& path, std::optional<T>& value) {
    value.reset();
    if (!json.is_null()) read(json, path, value.emplace());
  }
  template <typename T, typename Add>
  static void read_list(const nlohmann::json& json, const std::string& path, Add add) {
    if (!json.is_array()) fail(path, "a list", json);
    for (std::size_t i = 0; i < json.size(); ++i) {
      T value{};
      read(json[i], fmt::format("{}[{}]", path, i), value);
      add(std::move(value));
    }
  }
  template <typename T>
  static void read(const nlohmann::json& json, const std::string& path, std::vector<T>& values) {
    values.clear();
    read_list<T>(json, path, [&](T value) { values.push_back(std::move(value)); });
  }
  static void read(const nlohmann::json& json, const std::string& path, std::set<Factor>& values) {
    values.clear();
    read_list<Factor>(json, path, [&](Factor value) { values.insert(value); });
  }
  template <typename T>
  requires std::is_class_v<T>
  static void read(const nlohmann::json& json, const std::string& path, T& value) {
    Reader reader(json, path);
    fields(reader, value);
  }
};

}  // namespace

std::string to_json(const AuditReport& report) {
  return Writer::json(report).dump(1, ' ', false, Ordered::error_handler_t::replace) + '\n';
}

AuditReport report_from_json(std::string_view json) {
  nlohmann::json object;
  try {
    object = openai::parse_json(json);
  } catch (const Error& error) {
    throw Error(ErrorCode::invalid_argument, fmt::format("audit report: {}", error.what()));
  }
  AuditReport report;
  report.version = 0;  // one that says none is none of ours
  Reader reader(object, "");
  reader("version", report.version);
  if (report.version != kReportVersion) {
    throw Error(ErrorCode::unsupported,
                fmt::format("audit report: version: expected {}, got {}", kReportVersion, report.version));
  }
  fields(reader, report);
  return report;
}

}  // namespace isobatch::audit
