// GGUF v2 and v3, memory-mapped and checked before it is trusted.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <filesystem>
#include <memory>

#include "formats/model_file.h"

namespace isobatch {
class MappedFile;  // base/mapped_file.h
}
namespace isobatch::formats {

class GgufFile : public ModelFile {
 public:
  // Throws Error: not_found, io, corrupt_file (with byte offset and what was expected), unsupported (version,
  // tensor type that is used; the message names the tensor).
  static GgufFile open(const std::filesystem::path& path);
  ~GgufFile() override;
  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;

  int version() const { return version_; }
  void release(const Tensor& tensor) const override;

 private:
  GgufFile();
  int version_ = 0;
  std::unique_ptr<MappedFile> file_;
};

}  // namespace isobatch::formats
