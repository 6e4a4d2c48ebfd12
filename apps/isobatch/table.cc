#include "table.h"

#include <algorithm>
#include <sstream>

namespace isobatch::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Characters on the screen: bytes that do not continue a UTF-8 character.
std::size_t width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; });
}

}  // namespace

std::string Table::to_text() const {
  const std::size_t columns = headings_.size();
  std::vector<std::vector<std::string>> headings;
  std::size_t height = 0;
  for (const std::string& heading : headings_) {
    headings.push_back(lines_of(heading));
    height = std::max(height, headings.back().size());
  }
  // A heading of fewer lines stands at the bottom.
  std::vector<std::vector<std::string>> rows(height, std::vector<std::string>(columns));
  for (std::size_t column = 0; column < columns; ++column) {
    const std::vector<std::string>& lines = headings[column];
    for (std::size_t i = 0; i < lines.size(); ++i) rows[height - lines.size() + i][column] = lines[i];
  }
  rows.insert(rows.end(), rows_.begin(), rows_.end());

  std::vector<std::size_t> widths(columns);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < columns; ++column) {
      widths[column] = std::max(widths[column], width(row[column]));
    }
  }
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t column = 0; column < columns; ++column) {
      if (column > 0) text += "  ";
      text.append(widths[column] - width(rows[i][column]), ' ');
      text += rows[i][column];
    }
    text += '\n';
    if (i + 1 != height) continue;
    for (std::size_t column = 0; column < columns; ++column) {
      if (column > 0) text += "  ";
      text.append(widths[column], '-');
    }
    text += '\n';
  }
  return text;
}

}  // namespace isobatch::cli
