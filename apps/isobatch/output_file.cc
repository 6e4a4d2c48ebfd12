#include "output_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "isobatch/error.h"

namespace isobatch::cli {

OutputFile::OutputFile(const std::filesystem::path& path) {
  std::error_code ignored;
  // Renaming onto a link would replace the link, not the file it names.
  path_ = std::filesystem::is_symlink(path, ignored) ? std::filesystem::weakly_canonical(path) : path;
  if (std::filesystem::exists(path_, ignored) && !std::filesystem::is_regular_file(path_, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("output {}: not a regular file", path_.string()));
  }
  temporary_ = path_;
  temporary_ += fmt::format(".{}.tmp", getpid());
  file_ = std::fopen(temporary_.c_str(), "wxe");
  if (!file_) fail("cannot create");
}

OutputFile::~OutputFile() {
  if (!file_) return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

void OutputFile::fail(const std::string& what) const {
  throw Error(ErrorCode::io, fmt::format("output {}: {}: {}", path_.string(), what, std::strerror(errno)));
}

void OutputFile::write_line(std::string_view line) {
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fputc('\n', file_) == EOF) {
    fail("cannot write");
  }
}

void OutputFile::commit() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) fail("cannot write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename");
  std::fclose(file_);
  file_ = nullptr;
}

}  // namespace isobatch::cli
