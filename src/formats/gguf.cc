#include "formats/gguf.h"

#include <fmt/format.h>

#include <bit>

#include "base/mapped_file.h"
#include "formats/gguf_header.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kDefaultAlignment = 32;

std::uint64_t alignment_of(const GgufFile& file) {
  const std::optional<std::int64_t> alignment = file.get_int("general.alignment");
  if (!alignment) return kDefaultAlignment;
  // At least 8 keeps every tensor's elements naturally aligned; 32 bits is what the format gives it.
  if (*alignment < 8 || *alignment > UINT32_MAX ||
      !std::has_single_bit(static_cast<std::uint64_t>(*alignment))) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: general.alignment: expected a power of two from 8 to 2^31, found {}",
                            file.path().string(), *alignment));
  }
  return static_cast<std::uint64_t>(*alignment);
}

}  // namespace

GgufCounts read_gguf_counts(GgufCursor& cursor) {
  if (cursor.read<std::uint32_t>("magic") != kMagic) {
    cursor.fail(ErrorCode::corrupt_file, "not a GGUF file: it does not begin with \"GGUF\"");
  }
  GgufCounts counts;
  const auto version = cursor.read<std::uint32_t>("version");
  if (version != 0 && (version & 0xffffu) == 0) {
    cursor.fail(ErrorCode::unsupported, "a big-endian GGUF file; expected little-endian");
  }
  if (version != 2 && version != 3) {
    cursor.fail(ErrorCode::unsupported, fmt::format("GGUF version {}; expected 2 or 3", version));
  }
  counts.version = static_cast<int>(version);
  counts.tensors = cursor.read<std::uint64_t>("number of tensors");
  counts.metadata = cursor.read<std::uint64_t>("number of metadata pairs");
  return counts;
}

GgufFile::GgufFile() = default;
GgufFile::~GgufFile() = default;
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile result;
  result.path_ = path;
  result.file_ = std::make_unique<MappedFile>(path);
  GgufCursor cursor(result.file_->bytes(), path.string());
  const GgufCounts counts = read_gguf_counts(cursor);
  result.version_ = counts.version;
  result.metadata_ = read_gguf_metadata(cursor, counts.metadata);
  if (const auto parts = result.get_int("split.count"); parts.value_or(1) > 1) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{}: one of {} parts of a split model; expected a single file", path.string(), *parts));
  }
  result.tensors_ = read_gguf_tensors(cursor, counts.tensors, alignment_of(result), result.file_->bytes());
  return result;
}

void GgufFile::release(const Tensor& tensor) const {
  file_->release(static_cast<std::size_t>(tensor.data.data() - file_->bytes().data()), tensor.data.size());
}

}  // namespace isobatch::formats
