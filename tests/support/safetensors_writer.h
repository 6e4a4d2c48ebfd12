// Writes safetensors files, right ones and, where a test asks for it, wrong ones.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/tensor_type.h"

namespace isobatch::test {

class SafetensorsWriter {
 public:
  void add(const std::string& name, TensorType type, std::span<const std::int64_t> shape,
           std::span<const std::byte> data);
  nlohmann::json& header() { return header_; }
  std::vector<std::byte> bytes() const;
  void write(const std::filesystem::path& path) const;

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::vector<std::byte> data_;
};

}  // namespace isobatch::test
