#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace isobatch::cli {

// Written beside its final path and renamed by commit(); removed when it goes without. All throw Error(io) or
// Error(invalid_argument) with the path.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write_line(std::string_view line);
  void commit();

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
};

}  // namespace isobatch::cli
