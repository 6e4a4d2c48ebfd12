#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "formats/json_file.h"
#include "isobatch/error.h"

namespace isobatch::formats {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxDimensions = 4;

struct Place {  // in the data section
  std::uint64_t begin = 0, end = 0;
};

class Header {
 public:
  Header(std::string path, std::span<const std::byte> data) : path_(std::move(path)), data_(data) {}

  Tensor read(const std::string& name, const json& entry, Place& place) const {
    if (!entry.is_object()) fail(name, "expected an object");
    Tensor tensor{.name = name, .type = type_of(name, entry), .shape = shape_of(name, entry), .data = {}};
    place = place_of(name, entry);
    std::uint64_t values = 1;
    for (const std::int64_t n : tensor.shape) {
      const auto size = static_cast<std::uint64_t>(n);
      if (size != 0 && values > std::numeric_limits<std::uint64_t>::max() / 4 / size) {
        fail(name, "its shape has more values than 64 bits count");
      }
      values *= size;
    }
    const std::uint64_t bytes = values * info(tensor.type).block_bytes;
    if (place.end - place.begin != bytes) {
      fail(name, fmt::format("its type and shape take {} bytes, its data_offsets {}", bytes,
                             place.end - place.begin));
    }
    tensor.data = data_.subspan(place.begin, bytes);
    return tensor;
  }

  [[noreturn]] void fail(const std::string& tensor, const std::string& message,
                         ErrorCode code = ErrorCode::corrupt_file) const {
    throw Error(code, fmt::format("{}: tensor {}: {}", path_, printable(tensor), message));
  }

 private:
  TensorType type_of(const std::string& name, const json& entry) const {
    const auto found = entry.find("dtype");
    if (found == entry.end() || !found->is_string()) fail(name, "dtype: expected a string");
    for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
      if (info(type).name == found->get_ref<const std::string&>()) return type;
    }
    fail(name, fmt::format("type {}; expected F32, F16 or BF16", printable(found->get<std::string>())),
         ErrorCode::unsupported);
  }

  std::uint64_t integer(const std::string& name, const json& value, std::string_view what) const {
    if (!value.is_number_unsigned()) fail(name, fmt::format("{}: expected an integer of at least 0", what));
    return value.get<std::uint64_t>();
  }

  std::vector<std::int64_t> shape_of(const std::string& name, const json& entry) const {
    const auto found = entry.find("shape");
    if (found == entry.end() || !found->is_array() || found->size() > kMaxDimensions) {
      fail(name, fmt::format("shape: expected an array of at most {} integers", kMaxDimensions));
    }
    std::vector<std::int64_t> shape;
    for (const json& n : *found) {
      const std::uint64_t size = integer(name, n, "shape");
      if (size > std::numeric_limits<std::int64_t>::max()) fail(name, "shape: a size beyond 2^63");
      shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
  }

  Place place_of(const std::string& name, const json& entry) const {
    const auto found = entry.find("data_offsets");
    if (found == entry.end() || !found->is_array() || found->size() != 2) {
      fail(name, "data_offsets: expected two integers");
    }
    const Place place{integer(name, (*found)[0], "data_offsets"), integer(name, (*found)[1], "data_offsets")};
    if (place.begin > place.end || place.end > data_.size()) {
      fail(name, fmt::format("data_offsets [{}, {}]: expected a range in the {} bytes of data", place.begin,
                             place.end, data_.size()));
    }
    return place;
  }

  std::string path_;
  std::span<const std::byte> data_;
};

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  static_assert(std::endian::native == std::endian::little);
  const std::span<const std::byte> bytes = file_.bytes();
  std::uint64_t header_bytes = 0;
  if (bytes.size() >= 8) std::memcpy(&header_bytes, bytes.data(), 8);
  if (bytes.size() < 8 || header_bytes > std::min<std::uint64_t>(kMaxHeader, bytes.size() - 8)) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: not a safetensors file: a header of {} bytes in a file of {}", path.string(),
                            header_bytes, bytes.size()));
  }
  const Header header(path.string(), bytes.subspan(8 + header_bytes));
  const json entries = parse_json_object(bytes.subspan(8, header_bytes), path.string() + ": header");
  std::vector<std::pair<Place, Tensor>> placed;
  for (const auto& [name, entry] : entries.items()) {
    if (name == "__metadata__") continue;
    Place place;
    Tensor tensor = header.read(name, entry, place);
    placed.emplace_back(place, std::move(tensor));
  }
  std::ranges::sort(placed, [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  std::uint64_t end = 0;  // of the tensors so far: the format allows neither holes nor overlaps
  for (auto& [place, tensor] : placed) {
    if (place.begin != end) {
      header.fail(tensor.name,
                  fmt::format("begins at byte {} of the data; expected {}, where the one before ends",
                              place.begin, end));
    }
    end = place.end;
    tensors_.push_back(std::move(tensor));
  }
  if (const std::uint64_t data = bytes.size() - 8 - header_bytes; end != data) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: {} bytes of data, of which the tensors take {}", path.string(), data, end));
  }
}

bool SafetensorsFile::holds(const Tensor& tensor) const {
  const std::byte* begin = file_.bytes().data();
  return tensor.data.data() >= begin && tensor.data.data() <= begin + file_.size();
}

void SafetensorsFile::release(const Tensor& tensor) const {
  file_.release(static_cast<std::size_t>(tensor.data.data() - file_.bytes().data()), tensor.data.size());
}

}  // namespace isobatch::formats
