// What a model file offers, whatever its format: metadata by key and tensors by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::formats {

// One tensor of a file. `shape` is row-major: the last dimension is the contiguous one (GGUF's ne[0]).
struct Tensor {
  std::string name;
  TensorType type;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // points into the mapping; valid while the file object lives
};

// Scalars are widened; arrays keep one type.
using MetadataValue =
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::uint64_t>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<bool>, std::vector<std::string>>;

using Metadata = std::map<std::string, MetadataValue, std::less<>>;

class ModelFile {
 public:
  virtual ~ModelFile() = default;

  const std::filesystem::path& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

  const Tensor* find(std::string_view name) const;  // nullptr if absent
  // The tensor, or Error(corrupt_file) naming it when it is absent or has another shape.
  const Tensor& require(std::string_view name, std::span<const std::int64_t> shape) const;

  // Metadata by key. nullopt when absent; Error(corrupt_file) naming key and types when it has another type
  // or, for integers, does not fit. An integer is a float as well.
  std::optional<std::int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  const std::string* get_string(std::string_view key) const;
  const std::vector<std::string>* get_strings(std::string_view key) const;
  std::optional<std::vector<double>> get_floats(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> get_ints(std::string_view key) const;
  std::int64_t require_int(std::string_view key) const;  // Error(corrupt_file) when absent

  // Tells the system that the tensor's pages are not needed any more; its data may still be read.
  virtual void release(const Tensor& tensor) const = 0;

 protected:
  ModelFile() = default;
  ModelFile(ModelFile&&) = default;
  ModelFile& operator=(ModelFile&&) = default;

  std::filesystem::path path_;
  Metadata metadata_;
  std::vector<Tensor> tensors_;  // sorted by name
};

}  // namespace isobatch::formats
