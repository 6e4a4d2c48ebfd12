#include "tests/support/gguf_writer.h"

#include "tests/support/temp_dir.h"

namespace isobatch::test {

void GgufWriter::put_key(const std::string& key, std::uint32_t value_type) {
  ++pairs_;
  metadata_.put(key);
  metadata_.put(value_type);
}

void GgufWriter::add_raw(const std::string& key, std::uint32_t value_type, std::span<const std::byte> value) {
  put_key(key, value_type);
  metadata_.append(value);
}

void GgufWriter::set_alignment(std::uint32_t alignment) {
  alignment_ = alignment;
  add("general.alignment", alignment);
}

void GgufWriter::add_tensor(const std::string& name, TensorType type, std::span<const std::int64_t> shape,
                            std::vector<std::byte> data) {
  tensors_.push_back(
      {name, info(type).gguf_id, {shape.rbegin(), shape.rend()}, std::move(data), std::nullopt});
}

std::vector<std::byte> GgufWriter::bytes() const {
  ByteBuffer metadata = metadata_;
  ByteBuffer file;
  for (const char c : {'G', 'G', 'U', 'F'}) file.put(c);
  file.put(version_);
  file.put<std::uint64_t>(tensors_.size());
  file.put(pairs_);
  file.append(metadata.bytes());
  ByteBuffer data;
  for (const Tensor& tensor : tensors_) {
    data.pad_to_multiple_of(alignment_);
    file.put(tensor.name);
    file.put(static_cast<std::uint32_t>(tensor.ne.size()));
    for (const std::uint64_t size : tensor.ne) file.put(size);
    file.put(tensor.type_id);
    file.put<std::uint64_t>(tensor.offset.value_or(data.bytes().size()));
    data.append(tensor.data);
  }
  file.pad_to_multiple_of(alignment_);
  file.append(data.bytes());
  return std::move(file.bytes());
}

void GgufWriter::write(const std::filesystem::path& path) const { write_file(path, bytes()); }

}  // namespace isobatch::test
