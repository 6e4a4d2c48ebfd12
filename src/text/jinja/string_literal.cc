#include "text/jinja/string_literal.h"

#include <fmt/format.h>

#include <charconv>

#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

constexpr std::string_view kSimple = "\\'\"abfnrtv";
constexpr std::string_view kSimpleMeaning = "\\'\"\a\b\f\n\r\t\v";

bool is_octal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::string unescape(std::string_view literal, Position position) {
  std::string text;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\' || i + 1 == literal.size()) {
      text += literal[i];
      continue;
    }
    const char kind = literal[++i];
    const auto numeric = [&](std::size_t begin, std::size_t digits, int base) {
      std::uint32_t value = 0;
      const std::string_view number = literal.substr(begin, digits);
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value, base);
      const bool surrogate = value >= 0xD800 && value < 0xE000;
      if (number.size() < digits || end != number.data() + digits || value > 0x10FFFF || surrogate) {
        syntax_error(position, fmt::format("this string has a broken escape \"\\{}{}\"", kind, number));
      }
      append_utf8(text, value);
      i = begin + digits - 1;
    };
    if (const std::size_t simple = kSimple.find(kind); simple != kSimple.npos) {
      text += kSimpleMeaning[simple];
    } else if (kind == '\n') {
      continue;  // the line goes on
    } else if (kind == 'x' || kind == 'u' || kind == 'U') {
      numeric(i + 1, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, 16);
    } else if (is_octal(kind)) {
      std::size_t digits = 1;
      while (digits < 3 && i + digits < literal.size() && is_octal(literal[i + digits])) ++digits;
      numeric(i, digits, 8);
    } else if (kind == 'N') {
      fail(ErrorCode::unsupported, position, "characters by name (\"\\N\") are not supported");
    } else {
      text += '\\';
      text += kind;
    }
  }
  return text;
}

}  // namespace isobatch::text::jinja
