#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace isobatch::cli {

// A file that grows at its end. What append() took is written by flush(), not before. All throw Error(io)
// with the path; what an error leaves in the file is a beginning of what was appended.
class AppendFile {
 public:
  // Opens it, or creates it empty.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // False when another process holds the lock. It goes with the process, however that ends.
  bool lock();
  // Cuts the file to `size` bytes; what follows is appended there.
  void truncate(std::uint64_t size);
  void append(std::string_view text) { buffer_ += text; }
  std::size_t buffered() const { return buffer_.size(); }
  void flush();
  void sync();  // flush, and down to the disk

 private:
  [[noreturn]] void fail(std::string_view what) const;

  std::filesystem::path path_;
  int file_ = -1;
  std::string buffer_;
};

}  // namespace isobatch::cli
