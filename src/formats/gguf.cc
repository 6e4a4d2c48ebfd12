#include "formats/gguf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/mapped_file.h"
#include "formats/gguf_header.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kDefaultAlignment = 32;

// Names of GgufValue's alternatives, in their order.
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
static_assert(std::size(kValueNames) == std::variant_size_v<GgufValue>);

[[noreturn]] void fail(const GgufFile& file, std::string_view name, std::string_view message) {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}: {}", file.path().string(), name, message));
}

[[noreturn]] void fail_type(const GgufFile& file, std::string_view key, std::string_view expected,
                            const GgufValue& value) {
  fail(file, key, fmt::format("expected {}, found {}", expected, kValueNames[value.index()]));
}

const GgufValue* find_value(const GgufFile& file, std::string_view key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? nullptr : &found->second;
}

// The value of `key` when it is a T, nullptr when absent.
template <typename T>
const T* find_as(const GgufFile& file, std::string_view key) {
  const GgufValue* value = find_value(file, key);
  if (value == nullptr) return nullptr;
  if (const T* typed = std::get_if<T>(value)) return typed;
  fail_type(file, key, kValueNames[GgufValue(T{}).index()], *value);
}

std::int64_t to_signed(const GgufFile& file, std::string_view key, std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    fail(file, key, fmt::format("expected an integer below 2^63, found {}", value));
  }
  return static_cast<std::int64_t>(value);
}

std::uint64_t alignment_of(const GgufFile& file) {
  const std::optional<std::int64_t> alignment = file.get_int("general.alignment");
  if (!alignment) return kDefaultAlignment;
  // At least 8 keeps every tensor's elements naturally aligned; 32 bits is what the format gives it.
  if (*alignment < 8 || *alignment > UINT32_MAX ||
      !std::has_single_bit(static_cast<std::uint64_t>(*alignment))) {
    fail(file, "general.alignment",
         fmt::format("expected a power of two from 8 to 2^31, found {}", *alignment));
  }
  return static_cast<std::uint64_t>(*alignment);
}

}  // namespace

GgufCounts read_gguf_counts(GgufCursor& cursor) {
  if (cursor.read<std::uint32_t>("magic") != kMagic) {
    cursor.fail(ErrorCode::corrupt_file, "not a GGUF file: it does not begin with \"GGUF\"");
  }
  GgufCounts counts;
  const auto version = cursor.read<std::uint32_t>("version");
  if (version != 0 && (version & 0xffffu) == 0) {
    cursor.fail(ErrorCode::unsupported, "a big-endian GGUF file; expected little-endian");
  }
  if (version != 2 && version != 3) {
    cursor.fail(ErrorCode::unsupported, fmt::format("GGUF version {}; expected 2 or 3", version));
  }
  counts.version = static_cast<int>(version);
  counts.tensors = cursor.read<std::uint64_t>("number of tensors");
  counts.metadata = cursor.read<std::uint64_t>("number of metadata pairs");
  return counts;
}

GgufFile::GgufFile() = default;
GgufFile::~GgufFile() = default;
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile result;
  result.path_ = path;
  result.file_ = std::make_unique<MappedFile>(path);
  GgufCursor cursor(result.file_->bytes(), path.string());
  const GgufCounts counts = read_gguf_counts(cursor);
  result.version_ = counts.version;
  result.metadata_ = read_gguf_metadata(cursor, counts.metadata);
  if (const auto parts = result.get_int("split.count"); parts.value_or(1) > 1) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{}: one of {} parts of a split model; expected a single file", path.string(), *parts));
  }
  result.tensors_ = read_gguf_tensors(cursor, counts.tensors, alignment_of(result), result.file_->bytes());
  return result;
}

const Tensor* GgufFile::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const Tensor& tensor, std::string_view n) { return tensor.name < n; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const Tensor& GgufFile::require(std::string_view name, std::span<const std::int64_t> shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) fail(*this, name, "the file has no such tensor");
  if (!std::ranges::equal(tensor->shape, shape)) {
    fail(*this, name,
         fmt::format("expected a tensor of shape [{}], found [{}]", fmt::join(shape, ", "),
                     fmt::join(tensor->shape, ", ")));
  }
  return *tensor;
}

std::optional<std::int64_t> GgufFile::get_int(std::string_view key) const {
  const GgufValue* value = find_value(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(value)) return *integer;
  if (const auto* integer = std::get_if<std::uint64_t>(value)) return to_signed(*this, key, *integer);
  fail_type(*this, key, "an integer", *value);
}

std::int64_t GgufFile::require_int(std::string_view key) const {
  const std::optional<std::int64_t> value = get_int(key);
  if (!value) fail(*this, key, "the file has no such metadata; expected an integer");
  return *value;
}

std::optional<double> GgufFile::get_float(std::string_view key) const {
  const auto* value = find_as<double>(*this, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<bool> GgufFile::get_bool(std::string_view key) const {
  const auto* value = find_as<bool>(*this, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* GgufFile::get_string(std::string_view key) const {
  return find_as<std::string>(*this, key);
}

const std::vector<std::string>* GgufFile::get_strings(std::string_view key) const {
  return find_as<std::vector<std::string>>(*this, key);
}

std::optional<std::vector<std::int64_t>> GgufFile::get_ints(std::string_view key) const {
  const GgufValue* value = find_value(*this, key);
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

void GgufFile::release(const Tensor& tensor) const {
  file_->release(static_cast<std::size_t>(tensor.data.data() - file_->bytes().data()), tensor.data.size());
}

}  // namespace isobatch::formats
