#include "model/packed_copy.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "isobatch/error.h"

namespace isobatch::model {
namespace {

constexpr std::string_view kMagic = "isobatch packed weights\n";
constexpr std::size_t kPage = 4096;  // weights begin at a multiple, as a mapping does

struct Header {  // after the magic; the identity follows
  std::uint64_t identity_bytes;
  std::uint64_t weights_at;
  std::uint64_t weights_bytes;
  std::uint64_t checksum;  // XXH3 of the weights
};
constexpr std::size_t kIdentityAt = kMagic.size() + sizeof(Header);

std::size_t weights_begin(std::string_view identity) {
  return (kIdentityAt + identity.size() + kPage - 1) / kPage * kPage;
}

}  // namespace

PackedCopy::PackedCopy(const std::filesystem::path& folder, const std::string& name, std::string identity)
    : identity_(std::move(identity)) {
  const XXH128_hash_t hash = XXH3_128bits(identity_.data(), identity_.size());
  path_ = folder / fmt::format("{}-{:016x}{:016x}.packed", name, hash.high64, hash.low64);
}

std::optional<Arena> PackedCopy::map() const {
  std::optional<MappedFile> mapped;
  try {
    mapped.emplace(path_);
  } catch (const Error&) {  // absent, empty, not to be read: write() says what is in its way
    return std::nullopt;
  }
  MappedFile& file = *mapped;
  const auto* bytes = reinterpret_cast<const char*>(file.bytes().data());
  const std::size_t begin = weights_begin(identity_);
  if (file.size() < begin || std::string_view(bytes, kMagic.size()) != kMagic) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes + kMagic.size(), sizeof header);
  const bool same = header.identity_bytes == identity_.size() && header.weights_at == begin &&
                    header.weights_bytes == file.size() - begin &&
                    std::string_view(bytes + kIdentityAt, identity_.size()) == identity_;
  if (!same || XXH3_64bits(bytes + begin, header.weights_bytes) != header.checksum) return std::nullopt;
  return Arena(std::move(file), begin);
}

void PackedCopy::write(Arena& weights) const {
  const auto fail = [this](const std::filesystem::path& path, const std::string& reason) {
    throw Error(ErrorCode::io, fmt::format("{}: cannot keep packed weights: {}", path.string(), reason));
  };
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  if (error) fail(path_.parent_path(), error.message());

  const std::size_t begin = weights_begin(identity_);
  const Header header{identity_.size(), begin, weights.used(), XXH3_64bits(weights.data(), weights.used())};
  std::string head(kMagic);
  head.append(reinterpret_cast<const char*>(&header), sizeof header);
  head += identity_;
  head.resize(begin);
  // Several processes may do so at the same time; the last one's file stays, and all are the same.
  const std::filesystem::path partial = path_.string() + fmt::format(".{}", ::getpid());
  {
    std::ofstream file(partial, std::ios::binary);
    file.write(head.data(), static_cast<std::streamsize>(head.size()));
    file.write(reinterpret_cast<const char*>(weights.data()), static_cast<std::streamsize>(weights.used()));
    file.close();
    if (!file) {
      const std::string reason = std::strerror(errno);
      std::filesystem::remove(partial, error);
      fail(partial, reason);
    }
  }
  std::filesystem::rename(partial, path_, error);
  if (error) {
    const std::string reason = error.message();
    std::filesystem::remove(partial, error);
    fail(path_, reason);
  }
}

}  // namespace isobatch::model
