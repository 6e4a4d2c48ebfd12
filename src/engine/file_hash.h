#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isobatch::engine {

// SHA-256 in 64 lower-case hex digits. Throws Error(io).
std::string sha256_of_file(const std::filesystem::path& path);

// Files as they are when this is made: sizes and times.
class FileSet {
 public:
  FileSet() = default;
  // Throws Error(io) when one is not there.
  explicit FileSet(const std::vector<std::filesystem::path>& files);

  // A line for each file that is another one when the file has been written to or replaced since: sizes,
  // times (also the one that cannot be set), places on the disk. Throws Error(io).
  std::string identity() const;

  // Of one file its SHA-256; of several the SHA-256 of a line "<SHA-256>  <name>" for each, in the order of
  // their names. Throws Error(io) when a file cannot be read or has changed.
  std::string sha256() const;

 private:
  struct File {
    std::filesystem::path path;
    std::uintmax_t size = 0;
    std::filesystem::file_time_type time;
    bool operator==(const File&) const = default;
  };
  static File stamp(const std::filesystem::path& path);
  std::vector<File> files_;  // sorted by name
};

}  // namespace isobatch::engine
