#include "text/jinja/format.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "text/jinja/python_string.h"
#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

// Characters that repr escapes. Unassigned ones, which it escapes too, are left as they are.
bool is_printable(char32_t c) {
  if (c == ' ') return true;
  const bool format = c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
                      (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F);
  const bool private_use = (c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000;
  return c > 0x1F && (c < 0x7F || c > 0x9F) && !is_space(c) && !format && !private_use;
}

class Writer {
 public:
  explicit Writer(Context& context) : context_(context) {}

  void write(std::string_view text) {
    context_.spend_bytes(text.size());
    out_ += text;
  }

  void repr(const Value& value) {
    context_.spend_steps(1);
    if (const std::string* text = value.string()) return repr_string(*text);
    if (const List* list = value.list()) {
      write(list->tuple ? "(" : "[");
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        if (i > 0) write(", ");
        repr(list->items[i]);
      }
      if (list->tuple && list->items.size() == 1) write(",");
      return write(list->tuple ? ")" : "]");
    }
    if (const Dict* dict = value.dict()) {
      write("{");
      for (std::size_t i = 0; i < dict->items.size(); ++i) {
        if (i > 0) write(", ");
        repr(dict->items[i].first);
        write(": ");
        repr(dict->items[i].second);
      }
      return write("}");
    }
    if (value.is_undefined()) return write("Undefined");
    scalar(value);
  }

  void scalar(const Value& value) {
    if (value.is_undefined()) return;
    if (value.is_none()) return write("None");
    if (value.is_bool()) return write(std::get<bool>(value.data()) ? "True" : "False");
    if (value.is_integer()) return write(std::to_string(std::get<std::int64_t>(value.data())));
    if (value.is_number()) return write(format_float(std::get<double>(value.data())));
    context_.unsupported(fmt::format("a {} as text is not supported", value.type_name()));
  }

  std::string take() { return std::move(out_); }

 private:
  void repr_string(std::string_view text) {
    const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    std::string escaped(1, quote);
    for (std::size_t offset = 0; offset < text.size();) {
      const CodePoint c = decode_utf8(text, offset);
      const std::string_view character = text.substr(offset, static_cast<std::size_t>(c.length));
      offset += character.size();
      if (c.value == static_cast<unsigned char>(quote) || c.value == '\\') {
        (escaped += '\\') += character;
      } else if (c.value == '\n' || c.value == '\r' || c.value == '\t') {
        escaped += c.value == '\n' ? "\\n" : c.value == '\r' ? "\\r" : "\\t";
      } else if (is_printable(c.value)) {
        escaped += character;
      } else {
        const auto number = static_cast<std::uint32_t>(c.value);
        escaped += number < 0x100     ? fmt::format("\\x{:02x}", number)
                   : number < 0x10000 ? fmt::format("\\u{:04x}", number)
                                      : fmt::format("\\U{:08x}", number);
      }
    }
    write(escaped += quote);
  }

  Context& context_;
  std::string out_;
};

}  // namespace

std::string to_text(Context& context, const Value& value) {
  if (const std::string* text = value.string()) {
    context.spend_bytes(text->size());
    return *text;
  }
  Writer writer(context);
  if (value.list() != nullptr || value.dict() != nullptr) {
    writer.repr(value);
  } else {
    writer.scalar(value);
  }
  return writer.take();
}

std::string format_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 400> buffer{};
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer.data(), end);
  if (!scientific && text.find('.') == text.npos) text += ".0";
  return text;
}

}  // namespace isobatch::text::jinja
