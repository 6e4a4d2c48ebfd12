#include <fmt/format.h>

#include <cmath>

#include "text/jinja/format.h"
#include "text/jinja/sort.h"
#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Context& context, const JsonOptions& options) : context_(context), options_(options) {}

  void value(const Value& v) {
    context_.spend_steps(1);
    if (const std::string* text = v.string()) return string(*text);
    if (v.is_none()) return write("null");
    if (v.is_bool()) return write(std::get<bool>(v.data()) ? "true" : "false");
    if (v.is_integer()) return write(std::to_string(std::get<std::int64_t>(v.data())));
    if (v.is_number()) return write(number(std::get<double>(v.data())));
    if (const List* list = v.list()) {
      return sequence('[', ']', list->items, [&](const Value& item) { value(item); });
    }
    if (const Dict* dict = v.dict()) {
      return sequence('{', '}', options_.sort_keys ? sorted(*dict) : dict->items, [&](const auto& item) {
        key(item.first);
        write(options_.key_separator);
        value(item.second);
      });
    }
    context_.fail(fmt::format("Object of type {} is not JSON serializable", v.type_name()));
  }

  std::string take() { return std::move(out_); }

 private:
  void write(std::string_view text) {
    context_.spend_bytes(text.size());
    out_ += text;
  }

  std::vector<std::pair<Value, Value>> sorted(const Dict& dict) {
    context_.spend_bytes(dict.items.size() * 2 * sizeof(Value));
    auto items = dict.items;
    sort_values(context_, items, [](const auto& item) -> const Value& { return item.first; });
    return items;
  }

  static std::string number(double d) {
    return std::isnan(d) ? "NaN" : std::isinf(d) ? (d < 0 ? "-Infinity" : "Infinity") : format_float(d);
  }

  // Keys that are no strings become what their value is in JSON, in quotes.
  void key(const Value& k) {
    if (k.string() != nullptr) return value(k);
    write("\"");
    value(k);
    write("\"");
  }

  template <typename Items, typename Write>
  void sequence(char open, char close, const Items& items, Write write_item) {
    write({&open, 1});
    ++nesting_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) write(options_.item_separator);
      new_line();
      write_item(items[i]);
    }
    --nesting_;
    if (!items.empty()) new_line();
    write({&close, 1});
  }

  void new_line() {
    if (!options_.indent) return;
    write("\n");
    for (int i = 0; i < nesting_; ++i) write(std::string(static_cast<std::size_t>(*options_.indent), ' '));
  }

  void string(std::string_view text) {
    std::string escaped = "\"";
    for (std::size_t offset = 0; offset < text.size();) {
      const CodePoint c = decode_utf8(text, offset);
      escape(escaped, c.value, text.substr(offset, static_cast<std::size_t>(c.length)));
      offset += static_cast<std::size_t>(c.length);
    }
    write(escaped += '"');
  }

  void escape(std::string& out, char32_t c, std::string_view character) const {
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    constexpr std::string_view kShortNames = "\"\\bfnrt";
    const auto unit = [&](std::uint32_t u) { out += fmt::format("\\u{:04x}", u); };
    if (const std::size_t at = c < 0x80 ? kShort.find(static_cast<char>(c)) : kShort.npos;
        at != kShort.npos) {
      (out += '\\') += kShortNames[at];
    } else if (c < 0x20 || (options_.ensure_ascii && c > 0x7F && c < 0x10000)) {
      unit(c);
    } else if (options_.ensure_ascii && c >= 0x10000) {  // as a surrogate pair
      unit(0xD800 + ((c - 0x10000) >> 10));
      unit(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      out += character;
    }
  }

  Context& context_;
  JsonOptions options_;
  int nesting_ = 0;
  std::string out_;
};

}  // namespace

std::string to_json(Context& context, const Value& value, const JsonOptions& options) {
  JsonWriter writer(context, options);
  writer.value(value);
  return writer.take();
}

}  // namespace isobatch::text::jinja
