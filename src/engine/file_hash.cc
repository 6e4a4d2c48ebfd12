#include "engine/file_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include "isobatch/error.h"

namespace isobatch::engine {
namespace {

class Sha256 {
 public:
  // `where` for messages.
  explicit Sha256(std::string where) : where_(std::move(where)) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
      fail("SHA-256 is not available");
    }
  }
  void add(std::span<const char> bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) fail("SHA-256 failed");
  }
  std::string hex() {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), hash, &size) != 1) fail("SHA-256 failed");
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", hash[i]);
    return hex;
  }
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::io, fmt::format("{}: {} for the fingerprint", where_, what));
  }

 private:
  std::string where_;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) {
  Sha256 hash(path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) hash.fail("cannot be opened");
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(std::span(buffer).first(static_cast<std::size_t>(file.gcount())));
  }
  if (!file.eof()) hash.fail("cannot be read");
  return hash.hex();
}

FileSet::File FileSet::stamp(const std::filesystem::path& path) {
  std::error_code error;
  File file{path, std::filesystem::file_size(path, error), {}};
  if (!error) file.time = std::filesystem::last_write_time(path, error);
  if (error) throw Error(ErrorCode::io, fmt::format("{}: {}", path.string(), error.message()));
  return file;
}

FileSet::FileSet(const std::vector<std::filesystem::path>& files) {
  for (const std::filesystem::path& path : files) files_.push_back(stamp(path));
  std::ranges::sort(files_, {}, [](const File& file) { return file.path.filename(); });
}

std::string FileSet::identity() const {
  std::string lines;
  for (const File& file : files_) {
    struct stat now;
    if (::stat(file.path.c_str(), &now) != 0) {
      throw Error(ErrorCode::io, fmt::format("{}: {}", file.path.string(), std::strerror(errno)));
    }
    const auto nanoseconds = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
    lines += fmt::format("{} {} {} {} {}:{}\n", file.path.filename().string(), now.st_size,
                         nanoseconds(now.st_mtim), nanoseconds(now.st_ctim), now.st_dev, now.st_ino);
  }
  return lines;
}

std::string FileSet::sha256() const {
  std::string lines, last;
  for (const File& file : files_) {
    last = sha256_of_file(file.path);
    if (stamp(file.path) != file) {
      throw Error(ErrorCode::io,
                  fmt::format("{}: the file has changed since it was loaded", file.path.string()));
    }
    lines += fmt::format("{}  {}\n", last, file.path.filename().string());
  }
  if (files_.size() == 1) return last;
  Sha256 hash(files_.empty() ? "no files" : files_[0].path.parent_path().string());
  hash.add(lines);
  return hash.hex();
}

}  // namespace isobatch::engine
