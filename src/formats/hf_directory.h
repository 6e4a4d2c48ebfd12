// A model directory as Hugging Face's save_pretrained writes it: config.json, and the weights in
// model.safetensors or in the shards that model.safetensors.index.json names.
#pragma once

#include <deque>
#include <filesystem>
#include <vector>

#include "formats/safetensors.h"

namespace isobatch::formats {

class HfDirectory : public ModelFile {
 public:
  // Metadata is config.json, flattened (formats/json_file.h). Tensors are those of all shards.
  // Throws Error: not_found, io, corrupt_file, unsupported.
  explicit HfDirectory(const std::filesystem::path& directory);

  void release(const Tensor& tensor) const override;

  // config.json, the index and the shards: what the weights and their meaning depend on.
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  std::vector<std::filesystem::path> find_shards();
  std::deque<SafetensorsFile> shards_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace isobatch::formats
