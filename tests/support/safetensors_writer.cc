#include "tests/support/safetensors_writer.h"

#include "tests/support/gguf_writer.h"
#include "tests/support/temp_dir.h"

namespace isobatch::test {

void SafetensorsWriter::add(const std::string& name, TensorType type, std::span<const std::int64_t> shape,
                            std::span<const std::byte> data) {
  header_[name] = {{"dtype", info(type).name},
                   {"shape", std::vector<std::int64_t>(shape.begin(), shape.end())},
                   {"data_offsets", {data_.size(), data_.size() + data.size()}}};
  data_.insert(data_.end(), data.begin(), data.end());
}

std::vector<std::byte> SafetensorsWriter::bytes() const {
  const std::string header = header_.dump();
  ByteBuffer file;
  file.put<std::uint64_t>(header.size());
  file.append(std::as_bytes(std::span(header)));
  file.append(data_);
  return std::move(file.bytes());
}

void SafetensorsWriter::write(const std::filesystem::path& path) const { write_file(path, bytes()); }

}  // namespace isobatch::test
