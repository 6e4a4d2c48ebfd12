// safetensors files: a JSON header with names, types, shapes and offsets, then the bytes. Memory-mapped, and
// checked before it is trusted.
// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <filesystem>
#include <vector>

#include "base/mapped_file.h"
#include "formats/model_file.h"

namespace isobatch::formats {

class SafetensorsFile {
 public:
  // Throws Error: not_found, io, corrupt_file (with the tensor and what was expected), unsupported (a tensor
  // type other than F32, F16 and BF16; the message names the tensor).
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<Tensor>& tensors() const { return tensors_; }  // in the order of their bytes
  bool holds(const Tensor& tensor) const;
  void release(const Tensor& tensor) const;

 private:
  MappedFile file_;
  std::vector<Tensor> tensors_;
};

}  // namespace isobatch::formats
