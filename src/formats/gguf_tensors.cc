#include <fmt/format.h>

#include <algorithm>

#include "formats/ggml_types.h"
#include "formats/gguf_header.h"

namespace isobatch::formats {
namespace {

constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::size_t kSmallestTensorInfo =
    8 + 4 + 8 + 4 + 8;  // name length, dimensions, ne[0], type, offset

struct Placed {
  Tensor tensor;
  std::uint64_t offset;  // from the start of the data section
  std::uint64_t bytes;
};

[[noreturn]] void fail(const GgufCursor& cursor, const std::string& tensor, const std::string& message) {
  cursor.fail(ErrorCode::corrupt_file, fmt::format("tensor {}: {}", tensor, message));
}

std::vector<std::int64_t> read_shape(GgufCursor& cursor, const std::string& name) {
  const auto dimensions = cursor.read<std::uint32_t>(name);
  if (dimensions < 1 || dimensions > kMaxDimensions) {
    fail(cursor, name, fmt::format("expected 1 to {} dimensions, found {}", kMaxDimensions, dimensions));
  }
  std::vector<std::int64_t> shape(dimensions);
  std::int64_t elements = 1;
  for (auto i = shape.rbegin(); i != shape.rend(); ++i) {  // ne[0], the contiguous one, comes first
    const auto size = cursor.read<std::uint64_t>(name);
    if (size == 0) fail(cursor, name, "a dimension is 0");
    if (size > INT64_MAX || __builtin_mul_overflow(elements, static_cast<std::int64_t>(size), &elements)) {
      fail(cursor, name, fmt::format("its dimensions give over 2^63 elements (one is {})", size));
    }
    *i = static_cast<std::int64_t>(size);
  }
  return shape;
}

TensorType read_type(GgufCursor& cursor, const std::string& name) {
  const auto id = cursor.read<std::uint32_t>(name);
  const std::optional<TensorType> type = tensor_type_of_gguf(id);
  if (!type) {
    cursor.fail(ErrorCode::unsupported, fmt::format("tensor {} is of {}; supported: {}", name,
                                                    describe_gguf_type(id), supported_tensor_types()));
  }
  return *type;
}

std::uint64_t byte_size(const GgufCursor& cursor, const Tensor& tensor) {
  const TensorTypeInfo& type = info(tensor.type);
  const auto width = static_cast<std::uint64_t>(tensor.shape.back());
  if (width % type.block_size != 0) {
    fail(
        cursor, tensor.name,
        fmt::format("a row of {} is a multiple of {} elements, found {}", type.name, type.block_size, width));
  }
  std::uint64_t blocks = width / type.block_size;
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i)
    blocks *= static_cast<std::uint64_t>(tensor.shape[i]);
  std::uint64_t bytes;
  if (__builtin_mul_overflow(blocks, type.block_bytes, &bytes)) {
    fail(cursor, tensor.name,
         fmt::format("{} blocks of {} bytes do not fit in 64 bits", blocks, type.block_bytes));
  }
  return bytes;
}

Placed read_tensor(GgufCursor& cursor, std::uint64_t index, std::uint64_t count, std::uint64_t alignment) {
  Placed placed;
  Tensor& tensor = placed.tensor;
  tensor.name = cursor.read_string(fmt::format("name of tensor {} of {}", index + 1, count));
  if (!is_valid_name(tensor.name)) {
    cursor.fail(ErrorCode::corrupt_file,
                fmt::format("name of tensor {} of {}: expected 1 to 65535 bytes of printable ASCII",
                            index + 1, count));
  }
  tensor.shape = read_shape(cursor, tensor.name);
  tensor.type = read_type(cursor, tensor.name);
  placed.bytes = byte_size(cursor, tensor);
  placed.offset = cursor.read<std::uint64_t>(tensor.name);
  if (placed.offset % alignment != 0) {
    fail(cursor, tensor.name,
         fmt::format("its offset {} is no multiple of the alignment {}", placed.offset, alignment));
  }
  return placed;
}

void check_names(const GgufCursor& cursor, const std::vector<Placed>& sorted_by_name) {
  const auto same =
      std::adjacent_find(sorted_by_name.begin(), sorted_by_name.end(),
                         [](const Placed& a, const Placed& b) { return a.tensor.name == b.tensor.name; });
  if (same != sorted_by_name.end()) fail(cursor, same->tensor.name, "the name occurs twice");
}

void check_overlap(const GgufCursor& cursor, const std::vector<Placed>& tensors) {
  std::vector<const Placed*> by_offset;
  by_offset.reserve(tensors.size());
  for (const Placed& placed : tensors) by_offset.push_back(&placed);
  std::sort(by_offset.begin(), by_offset.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    const Placed& before = *by_offset[i - 1];
    if (by_offset[i]->offset - before.offset < before.bytes) {
      fail(cursor, by_offset[i]->tensor.name,
           fmt::format("its data overlaps that of {}", before.tensor.name));
    }
  }
}

}  // namespace

std::vector<Tensor> read_gguf_tensors(GgufCursor& cursor, std::uint64_t count, std::uint64_t alignment,
                                      std::span<const std::byte> file) {
  cursor.require(count, kSmallestTensorInfo, "tensor descriptions");
  std::vector<Placed> placed;
  placed.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) placed.push_back(read_tensor(cursor, i, count, alignment));
  std::sort(placed.begin(), placed.end(),
            [](const Placed& a, const Placed& b) { return a.tensor.name < b.tensor.name; });
  check_names(cursor, placed);

  const std::uint64_t data_begin = (cursor.position() + alignment - 1) / alignment * alignment;
  const std::uint64_t data_bytes = file.size() - std::min<std::uint64_t>(data_begin, file.size());
  std::vector<Tensor> tensors;
  tensors.reserve(count);
  for (const Placed& p : placed) {
    if (p.offset > data_bytes || p.bytes > data_bytes - p.offset) {
      fail(cursor, p.tensor.name,
           fmt::format(
               "its {} bytes at offset {} do not fit in the file's {} bytes of data (is the file truncated?)",
               p.bytes, p.offset, data_bytes));
    }
  }
  check_overlap(cursor, placed);
  for (Placed& p : placed) {
    p.tensor.data = file.subspan(data_begin + p.offset, p.bytes);
    tensors.push_back(std::move(p.tensor));
  }
  return tensors;
}

}  // namespace isobatch::formats
