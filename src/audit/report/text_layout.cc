#include "audit/report/text_layout.h"

#include <utf8proc.h>

#include <algorithm>

namespace isobatch::audit {
namespace {

constexpr int kGap = 2;
constexpr int kIndent = 2;  // of rows under a group

const utf8proc_uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

struct Character {
  std::size_t size;  // bytes
  int width;
  bool control;
};

// Of a text that is not empty. A byte that is no UTF-8 counts as a control character.
Character first_character(std::string_view text) {
  utf8proc_int32_t code = 0;
  const auto size = utf8proc_iterate(bytes(text), static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (size <= 0) return {1, 1, true};
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return {static_cast<std::size_t>(size), control ? 1 : utf8proc_charwidth(code), control};
}

// Bytes of the longest beginning of at most `width` columns, at least one character.
std::size_t fitting_bytes(std::string_view text, int width) {
  std::size_t end = 0;
  for (int used = 0; end < text.size();) {
    const Character c = first_character(text.substr(end));
    used += c.width;
    if (used > width && end > 0) break;
    end += c.size;
  }
  return end;
}

void append_aligned(std::string& line, const std::string& text, int width, bool right, Style style,
                    bool color) {
  const auto padding = static_cast<std::size_t>(std::max(0, width - display_width(text)));
  if (right) line.append(padding, ' ');
  line += styled(text, style, color);
  if (!right) line.append(padding, ' ');
}

void append_line(std::string& text, std::string line) {
  const std::size_t end = line.find_last_not_of(' ');
  text += line.substr(0, end == std::string::npos ? 0 : end + 1);
  text += '\n';
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character c = first_character(text);
    width += c.width;
    text.remove_prefix(c.size);
  }
  return width;
}

std::string plain_line(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character c = first_character(text);
    const bool is_break = text[0] == '\n' || text[0] == '\t' || text[0] == '\r';
    if (is_break) {
      result += ' ';
    } else if (c.control) {
      result += '?';
    } else {
      result += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
  return result;
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  std::string line;
  const auto next_line = [&] {
    lines.push_back(std::move(line));
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) next_line();
    if (!line.empty()) line += ' ';
    while (display_width(word) > width) {  // stands at the beginning of a line
      const std::size_t cut = fitting_bytes(word, width);
      line = word.substr(0, cut);
      next_line();
      word.remove_prefix(cut);
    }
    line += word;
  }
  if (!line.empty() || lines.empty()) next_line();
  return lines;
}

std::string paragraph(std::string_view lead, std::string_view text, int width) {
  const int indent = display_width(lead);
  std::string result(lead);
  const std::vector<std::string> lines = wrap(text, std::max(width - indent, 1));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) result.append(static_cast<std::size_t>(indent), ' ');
    result += lines[i] + '\n';
  }
  return result;
}

std::string styled(std::string_view text, Style style, bool color) {
  if (!color || style == Style::plain || text.empty()) return std::string(text);
  const char* code = "";
  switch (style) {
    case Style::plain:
      break;
    case Style::strong:
      code = "1";
      break;
    case Style::faint:
      code = "2";
      break;
    case Style::good:
      code = "32";
      break;
    case Style::warning:
      code = "33";
      break;
    case Style::bad:
      code = "1;31";
      break;
  }
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

std::vector<int> TextTable::widths() const {
  std::vector<int> widths(headings_.size());
  const auto grow = [&widths](const std::vector<TextCell>& cells, int indent) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (const std::string& line : cells[i].lines) {
        widths[i] = std::max(widths[i], display_width(line) + (i == 0 ? indent : 0));
      }
    }
  };
  grow(headings_, 0);
  for (const Row& row : rows_) grow(row.cells, kIndent);
  return widths;
}

int TextTable::fitting_columns(int width, int least) const {
  const std::vector<int> natural = widths();
  int used = std::min(natural[0], least), columns = 0;
  for (std::size_t i = 1; i < natural.size(); ++i) {
    used += kGap + natural[i];
    if (used > width && i > 1) break;
    ++columns;
  }
  return columns;
}

std::string TextTable::to_text(int width, bool color) const {
  std::vector<int> columns = widths();
  int total = 0;
  for (const int column : columns) total += column + kGap;
  total -= kGap;
  columns[0] = std::max(columns[0] - std::max(0, total - width), kIndent + 8);

  std::string text;
  const auto add = [&](const std::vector<TextCell>& cells, int indent, bool at_bottom) {
    std::vector<std::vector<std::string>> lines;
    std::size_t height = 1;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      lines.push_back(cells[i].lines);
      if (i == 0 && !cells[0].lines.empty()) lines[0] = wrap(cells[0].lines[0], columns[0] - indent);
      height = std::max(height, lines.back().size());
    }
    for (std::size_t at = 0; at < height; ++at) {
      std::string line;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::size_t above = at_bottom ? height - lines[i].size() : 0;
        const bool there = at >= above && at - above < lines[i].size();
        const std::string cell = there ? lines[i][at - above] : "";
        if (i > 0) line.append(kGap, ' ');
        const bool first = i == 0;
        append_aligned(line, first ? std::string(static_cast<std::size_t>(indent), ' ') + cell : cell,
                       columns[i], !first, cells[i].style, color);
      }
      append_line(text, std::move(line));
    }
  };
  add(headings_, 0, true);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text.append(i > 0 ? kGap : 0, ' ');
    text.append(static_cast<std::size_t>(columns[i]), '-');
  }
  text += '\n';
  for (const Row& row : rows_) {
    if (row.cells.empty()) {
      for (const std::string& line : wrap(row.group, width))
        text += styled(line, Style::strong, color) + '\n';
    } else {
      add(row.cells, kIndent, false);
    }
  }
  return text;
}

}  // namespace isobatch::audit
