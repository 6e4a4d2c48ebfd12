#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <string>

#include "running_hash.h"

namespace isobatch::cli {

// A line of the input that is not blank.
struct InputLine {
  std::string text;
  std::size_t number = 0;    // in the file, from 1
  std::uint64_t index = 0;   // among the lines that are not blank, from 0
  std::uint64_t hash = 0;    // XXH3-64 of the input up to its end
  std::uint64_t offset = 0;  // bytes before it
  std::uint64_t end = 0;     // bytes up to the next line
};

// Reads a file line by line; `-` is stdin. Throws Error: not_found, invalid_argument, io.
class LineReader {
 public:
  explicit LineReader(std::string path);

  // False at the end. A file that has become shorter than it was when it was opened is an error.
  bool next(InputLine& line);
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // bytes; 0 when not known
  bool at_end() const { return at_end_; }

 private:
  std::string path_;
  std::ifstream file_;
  std::istream& stream_;
  std::uint64_t size_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t number_ = 0;
  std::uint64_t index_ = 0;
  RunningHash hash_;
  bool at_end_ = false;
};

}  // namespace isobatch::cli
