// GGUF v2 and v3, memory-mapped and checked before it is trusted.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
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
using GgufValue =
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::uint64_t>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<bool>, std::vector<std::string>>;

}  // namespace isobatch::formats
namespace isobatch {
class MappedFile;  // base/mapped_file.h
}
namespace isobatch::formats {

class GgufFile {
 public:
  // Throws Error: not_found, io, corrupt_file (with byte offset and what was expected), unsupported (version,
  // tensor type that is used; the message names the tensor).
  static GgufFile open(const std::filesystem::path& path);
  ~GgufFile();
  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;

  const std::filesystem::path& path() const { return path_; }
  int version() const { return version_; }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

  const Tensor* find(std::string_view name) const;  // nullptr if absent
  // The tensor, or Error(corrupt_file) naming it when it is absent or has another shape.
  const Tensor& require(std::string_view name, std::span<const std::int64_t> shape) const;

  // Metadata by key. nullopt when absent; Error(corrupt_file) naming key and types when it has another type
  // or, for integers, does not fit.
  std::optional<std::int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  const std::string* get_string(std::string_view key) const;
  const std::vector<std::string>* get_strings(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> get_ints(std::string_view key) const;
  std::int64_t require_int(std::string_view key) const;  // Error(corrupt_file) when absent

  // Tells the system that the tensor's pages are not needed any more; its data may still be read.
  void release(const Tensor& tensor) const;

 private:
  GgufFile();
  std::filesystem::path path_;
  int version_ = 0;
  std::unique_ptr<MappedFile> file_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<Tensor> tensors_;  // sorted by name
};

}  // namespace isobatch::formats
