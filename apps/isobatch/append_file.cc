#include "append_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "isobatch/error.h"

namespace isobatch::cli {

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail("cannot create");
}

AppendFile::~AppendFile() { ::close(file_); }

void AppendFile::fail(std::string_view what) const {
  throw Error(ErrorCode::io, fmt::format("{}: {}: {}", path_.string(), what, std::strerror(errno)));
}

bool AppendFile::lock() {
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) fail("cannot lock");
  return false;
}

void AppendFile::truncate(std::uint64_t size) {
  if (::ftruncate(file_, static_cast<off_t>(size)) != 0) fail("cannot cut");
}

void AppendFile::flush() {
  while (!buffer_.empty()) {
    const ssize_t written = ::write(file_, buffer_.data(), buffer_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    buffer_.erase(0, static_cast<std::size_t>(written));
  }
}

void AppendFile::sync() {
  flush();
  if (::fsync(file_) != 0) fail("cannot write");
}

}  // namespace isobatch::cli
