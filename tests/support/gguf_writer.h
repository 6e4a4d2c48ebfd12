// Writes GGUF files, right ones and, where a test asks for it, wrong ones.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::test {

// The format's value type ids.
template <typename T>
constexpr std::uint32_t gguf_value_type() {
  if constexpr (std::same_as<T, std::uint8_t>) return 0;
  if constexpr (std::same_as<T, std::int8_t>) return 1;
  if constexpr (std::same_as<T, std::uint16_t>) return 2;
  if constexpr (std::same_as<T, std::int16_t>) return 3;
  if constexpr (std::same_as<T, std::uint32_t>) return 4;
  if constexpr (std::same_as<T, std::int32_t>) return 5;
  if constexpr (std::same_as<T, float>) return 6;
  if constexpr (std::same_as<T, bool>) return 7;
  if constexpr (std::same_as<T, std::string>) return 8;
  if constexpr (std::same_as<T, std::uint64_t>) return 10;
  if constexpr (std::same_as<T, std::int64_t>) return 11;
  if constexpr (std::same_as<T, double>) return 12;
}
inline constexpr std::uint32_t kGgufArray = 9;

// A growing sequence of little-endian values.
class ByteBuffer {
 public:
  template <typename T>
  void put(const T& value) {
    if constexpr (std::same_as<T, std::string>) {
      put<std::uint64_t>(value.size());
      append(std::as_bytes(std::span(value)));
    } else {
      append(std::as_bytes(std::span(&value, 1)));
    }
  }
  void append(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) bytes_.push_back(byte);  // gcc 12 sees overflows in vector::insert
  }
  void pad_to_multiple_of(std::size_t n) { bytes_.resize((bytes_.size() + n - 1) / n * n); }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class GgufWriter {
 public:
  struct Tensor {
    std::string name;
    std::uint32_t type_id = 0;
    std::vector<std::uint64_t> ne;  // ne[0] is the contiguous dimension
    std::vector<std::byte> data;
    std::optional<std::uint64_t> offset;  // instead of the right one
  };

  explicit GgufWriter(std::uint32_t version = 3) : version_(version) {}

  // Scalars of the types above; bool takes a byte. Keys keep their order.
  template <typename T>
  void add(const std::string& key, const T& value) {
    put_key(key, gguf_value_type<T>());
    metadata_.put(value);
  }
  void add(const std::string& key, const char* value) { add(key, std::string(value)); }
  template <typename T>
  void add_array(const std::string& key, const std::vector<T>& values) {
    put_key(key, kGgufArray);
    metadata_.put(gguf_value_type<T>());
    metadata_.put<std::uint64_t>(values.size());
    for (const T& value : values) metadata_.put(value);
  }
  // A pair as it stands in the file, for what the functions above cannot write.
  void add_raw(const std::string& key, std::uint32_t value_type, std::span<const std::byte> value);

  // Writes general.alignment too; 32 without it.
  void set_alignment(std::uint32_t alignment);

  // `shape` is row-major, `data` the elements as the type stores them.
  void add_tensor(const std::string& name, TensorType type, std::span<const std::int64_t> shape,
                  std::vector<std::byte> data);
  void add_tensor(Tensor tensor) { tensors_.push_back(std::move(tensor)); }

  std::vector<std::byte> bytes() const;
  void write(const std::filesystem::path& path) const;

 private:
  void put_key(const std::string& key, std::uint32_t value_type);

  std::uint32_t version_;
  std::uint32_t alignment_ = 32;
  std::uint64_t pairs_ = 0;
  ByteBuffer metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace isobatch::test
