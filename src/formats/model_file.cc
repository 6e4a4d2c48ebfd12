#include "formats/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

// Names of MetadataValue's alternatives, in their order.
constexpr std::string_view kValueNames[] = {"an unsigned integer",
                                            "an integer",
                                            "a float",
                                            "a bool",
                                            "a string",
                                            "an array of unsigned integers",
                                            "an array of integers",
                                            "an array of floats",
                                            "an array of bools",
                                            "an array of strings"};
static_assert(std::size(kValueNames) == std::variant_size_v<MetadataValue>);

[[noreturn]] void fail(const ModelFile& file, std::string_view name, std::string_view message) {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}: {}", file.path().string(), name, message));
}

[[noreturn]] void fail_type(const ModelFile& file, std::string_view key, std::string_view expected,
                            const MetadataValue& value) {
  fail(file, key, fmt::format("expected {}, found {}", expected, kValueNames[value.index()]));
}

const MetadataValue* find_value(const ModelFile& file, std::string_view key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? nullptr : &found->second;
}

// The value of `key` when it is a T, nullptr when absent.
template <typename T>
const T* find_as(const ModelFile& file, std::string_view key) {
  const MetadataValue* value = find_value(file, key);
  if (value == nullptr) return nullptr;
  if (const T* typed = std::get_if<T>(value)) return typed;
  fail_type(file, key, kValueNames[MetadataValue(T{}).index()], *value);
}

std::int64_t to_signed(const ModelFile& file, std::string_view key, std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    fail(file, key, fmt::format("expected an integer below 2^63, found {}", value));
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace

const Tensor* ModelFile::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const Tensor& tensor, std::string_view n) { return tensor.name < n; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const Tensor& ModelFile::require(std::string_view name, std::span<const std::int64_t> shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) fail(*this, name, "the file has no such tensor");
  if (!std::ranges::equal(tensor->shape, shape)) {
    fail(*this, name,
         fmt::format("expected a tensor of shape [{}], found [{}]", fmt::join(shape, ", "),
                     fmt::join(tensor->shape, ", ")));
  }
  return *tensor;
}

std::optional<std::int64_t> ModelFile::get_int(std::string_view key) const {
  const MetadataValue* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(value)) return *integer;
  if (const auto* integer = std::get_if<std::uint64_t>(value)) return to_signed(*this, key, *integer);
  fail_type(*this, key, "an integer", *value);
}

std::int64_t ModelFile::require_int(std::string_view key) const {
  const std::optional<std::int64_t> value = get_int(key);
  if (!value) fail(*this, key, "the file has no such metadata; expected an integer");
  return *value;
}

std::optional<double> ModelFile::get_float(std::string_view key) const {
  const MetadataValue* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* integer = std::get_if<std::uint64_t>(value)) return static_cast<double>(*integer);
  fail_type(*this, key, "a float", *value);
}

std::optional<bool> ModelFile::get_bool(std::string_view key) const {
  const auto* value = find_as<bool>(*this, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* ModelFile::get_string(std::string_view key) const {
  return find_as<std::string>(*this, key);
}

const std::vector<std::string>* ModelFile::get_strings(std::string_view key) const {
  return find_as<std::vector<std::string>>(*this, key);
}

std::optional<std::vector<double>> ModelFile::get_floats(std::string_view key) const {
  const MetadataValue* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* numbers = std::get_if<std::vector<double>>(value)) return *numbers;
  const std::vector<std::int64_t> integers = *get_ints(key);
  return std::vector<double>(integers.begin(), integers.end());
}

std::optional<std::vector<std::int64_t>> ModelFile::get_ints(std::string_view key) const {
  const MetadataValue* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(value)) return *integers;
  if (const auto* integers = std::get_if<std::vector<std::uint64_t>>(value)) {
    std::vector<std::int64_t> result;
    result.reserve(integers->size());
    for (const std::uint64_t integer : *integers) result.push_back(to_signed(*this, key, integer));
    return result;
  }
  fail_type(*this, key, "an array of integers", *value);
}

}  // namespace isobatch::formats
