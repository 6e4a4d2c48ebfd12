// Text for a terminal: its width in columns, lines, tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobatch::audit {

// Columns on the screen.
int display_width(std::string_view text);

// Control characters, which a terminal would obey, as "?"; a line break as a space.
std::string plain_line(std::string_view text);

// Broken at spaces into lines of at most `width` columns; a word that is longer is cut.
std::vector<std::string> wrap(std::string_view text, int width);

// `text` in lines; the first begins with `lead`, the others are indented as far.
std::string paragraph(std::string_view lead, std::string_view text, int width);

enum class Style { plain, strong, faint, good, warning, bad };
std::string styled(std::string_view text, Style style, bool color);

struct TextCell {
  std::vector<std::string> lines;
  Style style = Style::plain;
};

// The first column is aligned left and wrapped where the table is too wide, the others right, two spaces
// apart.
class TextTable {
 public:
  explicit TextTable(std::vector<TextCell> headings) : headings_(std::move(headings)) {}
  void add_row(std::vector<TextCell> cells) { rows_.push_back({"", std::move(cells)}); }
  void add_group(std::string title) { rows_.push_back({std::move(title), {}}); }  // a line of its own

  // Of the columns after the first, as many as fit beside a first one of `least` columns; at least one.
  int fitting_columns(int width, int least) const;
  std::string to_text(int width, bool color) const;

 private:
  struct Row {
    std::string group;
    std::vector<TextCell> cells;
  };
  std::vector<int> widths() const;  // natural ones
  std::vector<TextCell> headings_;
  std::vector<Row> rows_;
};

}  // namespace isobatch::audit
