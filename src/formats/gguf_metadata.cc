#include <fmt/format.h>

#include <type_traits>

#include "formats/gguf_header.h"

namespace isobatch::formats {
namespace {

// gguf_metadata_value_type in the format's description.
enum ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

constexpr std::size_t kSmallestPair = 8 + 4 + 1;  // key length, value type, a one-byte value

template <typename Stored>
auto read_scalar(GgufCursor& cursor, const std::string& key) {
  if constexpr (std::is_same_v<Stored, std::string>) {
    return cursor.read_string(key);
  } else if constexpr (std::is_same_v<Stored, bool>) {
    const auto byte = cursor.read<std::uint8_t>(key);
    if (byte > 1) {
      cursor.fail(ErrorCode::corrupt_file, fmt::format("{}: a bool is 0 or 1, found {}", key, byte));
    }
    return byte == 1;
  } else if constexpr (std::is_floating_point_v<Stored>) {
    return static_cast<double>(cursor.read<Stored>(key));
  } else if constexpr (std::is_signed_v<Stored>) {
    return static_cast<std::int64_t>(cursor.read<Stored>(key));
  } else {
    return static_cast<std::uint64_t>(cursor.read<Stored>(key));
  }
}

// One value, or `count` of them.
template <typename Stored>
MetadataValue read_as(GgufCursor& cursor, const std::string& key, std::optional<std::uint64_t> count) {
  if (!count) return read_scalar<Stored>(cursor, key);
  constexpr std::size_t item_bytes = std::is_same_v<Stored, std::string> ? 8 : sizeof(Stored);
  cursor.require(*count, item_bytes, key);
  std::vector<decltype(read_scalar<Stored>(cursor, key))> values;
  values.reserve(*count);
  for (std::uint64_t i = 0; i < *count; ++i) values.push_back(read_scalar<Stored>(cursor, key));
  return values;
}

MetadataValue read_value(GgufCursor& cursor, const std::string& key) {
  auto type = cursor.read<std::uint32_t>(key);
  std::optional<std::uint64_t> count;
  if (type == kArray) {
    type = cursor.read<std::uint32_t>(key);
    count = cursor.read<std::uint64_t>(key);
  }
  switch (type) {
    case kUint8:
      return read_as<std::uint8_t>(cursor, key, count);
    case kInt8:
      return read_as<std::int8_t>(cursor, key, count);
    case kUint16:
      return read_as<std::uint16_t>(cursor, key, count);
    case kInt16:
      return read_as<std::int16_t>(cursor, key, count);
    case kUint32:
      return read_as<std::uint32_t>(cursor, key, count);
    case kInt32:
      return read_as<std::int32_t>(cursor, key, count);
    case kFloat32:
      return read_as<float>(cursor, key, count);
    case kBool:
      return read_as<bool>(cursor, key, count);
    case kString:
      return read_as<std::string>(cursor, key, count);
    case kUint64:
      return read_as<std::uint64_t>(cursor, key, count);
    case kInt64:
      return read_as<std::int64_t>(cursor, key, count);
    case kFloat64:
      return read_as<double>(cursor, key, count);
    case kArray:
      cursor.fail(ErrorCode::unsupported, fmt::format("{}: an array of arrays", key));
    default:
      cursor.fail(ErrorCode::corrupt_file,
                  fmt::format("{}: expected a value type from 0 to 12, found {}", key, type));
  }
}

}  // namespace

Metadata read_gguf_metadata(GgufCursor& cursor, std::uint64_t count) {
  cursor.require(count, kSmallestPair, "metadata");
  Metadata metadata;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key = cursor.read_string(fmt::format("metadata key {} of {}", i + 1, count));
    if (!is_valid_name(key)) {
      cursor.fail(
          ErrorCode::corrupt_file,
          fmt::format("metadata key {} of {}: expected 1 to 65535 bytes of printable ASCII", i + 1, count));
    }
    if (metadata.contains(key)) {
      cursor.fail(ErrorCode::corrupt_file, fmt::format("metadata key {} occurs twice", key));
    }
    MetadataValue value = read_value(cursor, key);
    metadata.emplace(std::move(key), std::move(value));
  }
  return metadata;
}

}  // namespace isobatch::formats
