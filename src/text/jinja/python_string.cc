#include "text/jinja/python_string.h"

#include <charconv>
#include <cstring>
#include <system_error>

#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

std::size_t last_code_point(std::string_view text) {
  std::size_t offset = text.size() - 1;
  while (offset > 0 && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) --offset;
  return offset;
}

template <typename Drop>
std::string_view strip_if(std::string_view text, Side side, Drop drop) {
  while (side != Side::right && !text.empty()) {
    const auto length = static_cast<std::size_t>(decode_utf8(text, 0).length);
    if (!drop(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (side != Side::left && !text.empty()) {
    const std::size_t offset = last_code_point(text);
    if (!drop(text.substr(offset))) break;
    text = text.substr(0, offset);
  }
  return text;
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view strip(std::string_view text, Side side) {
  return strip_if(text, side, [](std::string_view c) { return is_space(decode_utf8(c, 0).value); });
}

std::string_view strip(std::string_view text, std::string_view characters, Side side) {
  return strip_if(text, side, [&](std::string_view c) { return characters.find(c) != characters.npos; });
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::vector<std::string_view> code_points(std::string_view text) {
  std::vector<std::string_view> all;
  for (std::size_t offset = 0; offset < text.size(); offset += all.back().size()) {
    all.push_back(text.substr(offset, static_cast<std::size_t>(decode_utf8(text, offset).length)));
  }
  return all;
}

std::vector<std::string_view> split_at_spaces(std::string_view text, std::int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::left);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
      parts.push_back(text);
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const CodePoint c = decode_utf8(text, end);
      if (is_space(c.value)) break;
      end += static_cast<std::size_t>(c.length);
    }
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::left);
  }
  return parts;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t end = find(text, separator, start);
    if (end == text.npos) break;
    parts.push_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    std::size_t end = at + static_cast<std::size_t>(c.length);
    const bool ends_line = (c.value >= 0x0A && c.value <= 0x0D) || (c.value >= 0x1C && c.value <= 0x1E) ||
                           c.value == 0x85 || c.value == 0x2028 || c.value == 0x2029;
    if (ends_line) {
      if (c.value == '\r' && text.substr(end).starts_with('\n')) ++end;
      lines.push_back(text.substr(begin, (keep_ends ? end : at) - begin));
      begin = end;
    }
    at = end;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_float(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// memmem is linear; std::string_view::find is not.
std::size_t find(std::string_view text, std::string_view part, std::size_t start) {
  if (start > text.size()) return text.npos;
  if (part.empty()) return start;
  const void* found = ::memmem(text.data() + start, text.size() - start, part.data(), part.size());
  return found == nullptr ? text.npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace isobatch::text::jinja
