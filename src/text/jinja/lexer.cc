#include "text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "text/jinja/python_string.h"
#include "text/jinja/string_literal.h"
#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

constexpr std::size_t kMaxSource = std::size_t{1} << 20;
constexpr std::string_view kSymbols[] = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "*",
                                         "/",  "%",  "~",  "<",  ">",  "=",  ".", ",", ":",
                                         "|",  "(",  ")",  "[",  "]",  "{",  "}"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Line ends become "\n"; one at the end of the template is dropped, as Jinja does by default.
std::string normalize_newlines(std::string_view source) {
  std::string normal;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    normal += source[i] == '\r' ? '\n' : source[i];
  }
  if (!normal.empty() && normal.back() == '\n') normal.pop_back();
  return normal;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      std::size_t tag = source_.find('{', at_);
      while (tag != source_.npos && !is_tag(tag)) tag = source_.find('{', tag + 1);
      text_until(tag);
      if (tag == source_.npos) break;
      const char type = source_[tag + 1];
      at_ = tag + 2;
      if (peek() == '-' || peek() == '+') ++at_;
      if (type == '#') {
        comment(tag);
      } else {
        this->tag(tag, type == '%');
      }
    }
    add(TokenKind::end, source_.size());
    return std::move(tokens_);
  }

 private:
  bool is_tag(std::size_t at) const {
    const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
    return next == '{' || next == '%' || next == '#';
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  // Counts on from the last position asked for.
  Position position(std::size_t offset) {
    if (offset < counted_) counted_ = 0, position_ = {};
    for (; counted_ < offset; ++counted_) {
      const char c = source_[counted_];
      if (c == '\n') {
        position_ = {position_.line + 1, 1};
      } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
        ++position_.column;
      }
    }
    return position_;
  }

  Token& add(TokenKind kind, std::size_t offset, std::string text = {}) {
    return tokens_.emplace_back(Token{kind, position(offset), std::move(text)});
  }

  // The text before a tag, without the white space that the tag's mark or lstrip_blocks takes.
  void text_until(std::size_t tag) {
    std::string_view text = source_.substr(at_, tag - at_);
    if (tag != source_.npos) {
      const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      if (mark == '-') {
        text = strip(text, Side::right);
      } else if (mark != '+' && source_[tag + 1] != '{') {
        const std::size_t line = text.rfind('\n') + 1;
        if ((line > 0 || line_starts_) && strip(text.substr(line), Side::left).empty())
          text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(TokenKind::text, at_, std::string(text));
  }

  // Steps over the end of a tag and the white space that its mark or trim_blocks takes.
  void close(std::size_t end, bool strip_after, bool trim_newline) {
    at_ = end;
    if (strip_after) {
      const std::string_view rest = source_.substr(at_);
      at_ += rest.size() - strip(rest, Side::left).size();
    } else if (trim_newline && peek() == '\n') {
      ++at_;
    }
    line_starts_ = source_[at_ - 1] == '\n';
  }

  void comment(std::size_t begin) {
    const std::size_t end = source_.find("#}", at_);
    if (end == source_.npos) syntax_error(position(begin), "this comment has no end \"#}\"");
    const char mark = end > at_ ? source_[end - 1] : '\0';
    close(end + 2, mark == '-', mark != '+');
  }

  void tag(std::size_t begin, bool block) {
    add(block ? TokenKind::block_begin : TokenKind::output_begin, begin);
    const std::string_view end = block ? "%}" : "}}";
    std::string open;  // brackets, within which an end mark is none
    for (;;) {
      at_ += source_.substr(at_).size() - strip(source_.substr(at_), Side::left).size();
      if (at_ >= source_.size())
        syntax_error(position(begin), fmt::format("this tag has no end \"{}\"", end));
      if (open.empty()) {
        const char mark = peek();
        const bool marked = mark == '-' || (block && mark == '+');
        if (source_.substr(at_ + (marked ? 1 : 0), 2) == end) {
          add(block ? TokenKind::block_end : TokenKind::output_end, at_);
          return close(at_ + (marked ? 3 : 2), mark == '-', block && !marked);
        }
      }
      expression_token(open);
      if (block && tokens_.back().is_name("raw") &&
          tokens_[tokens_.size() - 2].kind == TokenKind::block_begin) {
        fail(ErrorCode::unsupported, tokens_.back().position, "the tag \"raw\" is not supported");
      }
    }
  }

  void expression_token(std::string& open) {
    const char c = peek();
    if (is_digit(c)) return number();
    if (c == '\'' || c == '"') return string();
    if (is_name_start(c)) {
      const std::size_t begin = at_;
      while (is_name_start(peek()) || is_digit(peek())) ++at_;
      add(TokenKind::name, begin, std::string(source_.substr(begin, at_ - begin)));
      return;
    }
    const std::string_view rest = source_.substr(at_);
    const auto symbol =
        std::ranges::find_if(kSymbols, [&](std::string_view s) { return rest.starts_with(s); });
    if (symbol == std::end(kSymbols)) {
      const auto length = static_cast<std::size_t>(decode_utf8(rest, 0).length);
      syntax_error(position(at_), fmt::format("unexpected character \"{}\"", rest.substr(0, length)));
    }
    if (*symbol == "(" || *symbol == "[" || *symbol == "{") open += c;
    if (*symbol == ")" || *symbol == "]" || *symbol == "}") {
      const char expected = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (open.empty() || open.back() != expected)
        syntax_error(position(at_), fmt::format("unexpected \"{}\"", c));
      open.pop_back();
    }
    add(TokenKind::symbol, at_, std::string(*symbol));
    at_ += symbol->size();
  }

  // Decimal, with "_" between digits; a fraction or an exponent makes it a float.
  void number() {
    const std::size_t begin = at_;
    std::string digits;
    const auto take_digits = [&] {
      for (; is_digit(peek()) || (peek() == '_' && is_digit(peek(1))); ++at_) {
        if (peek() != '_') digits += peek();
      }
    };
    take_digits();
    bool floating = false;
    const bool after_dot = begin > 0 && source_[begin - 1] == '.';  // "x.0.1" is two subscripts
    if (!after_dot && peek() == '.' && is_digit(peek(1))) {
      floating = true;
      digits += '.', ++at_;
      take_digits();
    }
    const bool sign = peek(1) == '+' || peek(1) == '-';
    if (!after_dot && (peek() == 'e' || peek() == 'E') && is_digit(peek(sign ? 2 : 1))) {
      floating = true;
      digits += 'e';
      if (peek(1) == '-') digits += '-';
      at_ += sign ? 2 : 1;
      take_digits();
    }
    Token& token = add(floating ? TokenKind::floating : TokenKind::integer, begin);
    const char* const last = digits.data() + digits.size();
    const auto result = floating ? std::from_chars(digits.data(), last, token.floating)
                                 : std::from_chars(digits.data(), last, token.integer);
    const bool octal = !floating && digits[0] == '0' && token.integer != 0;  // in languages other than Python
    if (octal || result.ec != std::errc() || is_name_start(peek())) {
      fail(ErrorCode::unsupported, token.position,
           fmt::format("the number \"{}\" is not supported", digits + peek()));
    }
  }

  void string() {
    const std::size_t begin = at_;
    const char quote = peek();
    for (++at_; at_ < source_.size() && peek() != quote; ++at_) {
      if (peek() == '\\') ++at_;
    }
    if (at_ >= source_.size()) syntax_error(position(begin), "this string has no end");
    ++at_;
    const Position start = position(begin);
    add(TokenKind::string, begin, unescape(source_.substr(begin + 1, at_ - begin - 2), start));
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool line_starts_ = true;  // the text after the last tag begins a line
  std::vector<Token> tokens_;
  std::size_t counted_ = 0;  // the offset of position_
  Position position_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kMaxSource) {
    throw Error(ErrorCode::unsupported,
                fmt::format("chat template: expected at most {} bytes, found {}", kMaxSource, source.size()));
  }
  if (const auto offset = find_invalid_utf8(source)) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("chat template: expected UTF-8, found byte 0x{:02x} at byte offset {}",
                            static_cast<unsigned char>(source[*offset]), *offset));
  }
  const std::string normal = normalize_newlines(source);
  return Lexer(normal).run();
}

}  // namespace isobatch::text::jinja
