#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace isobatch::cli {

// A file that appears whole or not at all. Until write() an earlier file of that name stays. All throw
// Error(io) with the path.
class AtomicFile {
 public:
  // Makes a file beside it, so that a folder that cannot be written to is found before there is work to lose.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(std::string_view text);  // once

 private:
  [[noreturn]] void fail(std::string_view what) const;

  std::filesystem::path path_;
  std::string temporary_;  // empty once it has its name
  int file_ = -1;
};

}  // namespace isobatch::cli
