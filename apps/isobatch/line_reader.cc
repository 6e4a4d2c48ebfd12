#include "line_reader.h"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "isobatch/error.h"

namespace isobatch::cli {
namespace {

bool is_blank(const std::string& line) { return line.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

LineReader::LineReader(std::string path) : path_(std::move(path)), stream_(path_ == "-" ? std::cin : file_) {
  if (path_ == "-") return;
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("input {}: is a folder", path_));
  }
  file_.open(path_, std::ios::binary);
  if (!file_) throw Error(ErrorCode::not_found, fmt::format("input {}: cannot open", path_));
  if (std::filesystem::is_regular_file(path_, ignored)) {
    const std::uintmax_t size = std::filesystem::file_size(path_, ignored);
    if (!ignored) size_ = size;
  }
}

bool LineReader::next(InputLine& line) {
  while (std::getline(stream_, line.text)) {
    line.offset = bytes_;
    bytes_ += line.text.size() + (stream_.eof() ? 0 : 1);
    ++number_;
    hash_.add(line.text);
    hash_.add("\n");
    if (is_blank(line.text)) continue;
    line.number = number_;
    line.index = index_++;
    line.hash = hash_.value();
    line.end = bytes_;
    return true;
  }
  at_end_ = true;
  if (stream_.bad()) throw Error(ErrorCode::io, fmt::format("input {}: cannot read", path_));
  if (bytes_ < size_) {
    throw Error(ErrorCode::io, fmt::format("input {}: had {} bytes when it was opened, but ends after {}",
                                           path_, size_, bytes_));
  }
  return false;
}

}  // namespace isobatch::cli
