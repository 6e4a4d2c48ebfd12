#include "atomic_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "isobatch/error.h"

namespace isobatch::cli {

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string name = path_.string() + ".XXXXXX";
  file_ = ::mkstemp(name.data());
  if (file_ < 0) fail("cannot create a file beside it");
  temporary_ = std::move(name);
  // mkstemp leaves a file that only its owner may read; this is no secret.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(file_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (file_ >= 0) ::close(file_);
}

void AtomicFile::fail(std::string_view what) const {
  throw Error(ErrorCode::io, fmt::format("{}: {}: {}", path_.string(), what, std::strerror(errno)));
}

void AtomicFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file_) != 0) fail("cannot write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename");
  temporary_.clear();
}

}  // namespace isobatch::cli
