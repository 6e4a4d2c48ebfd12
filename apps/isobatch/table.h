#pragma once

#include <string>
#include <vector>

namespace isobatch::cli {

// Columns of text, right-aligned, two spaces apart. A heading may have several lines.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }  // as many as headings
  std::string to_text() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace isobatch::cli
