#include "text/jinja/string_functions.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "text/jinja/format.h"
#include "text/jinja/python_string.h"
#include "text/utf8.h"

namespace isobatch::text::jinja {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string require_ascii(Context& context, std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    context.unsupported("changing the case of text beyond ASCII is not supported");
  }
  return std::string(text);
}

}  // namespace

Value to_upper(Context& context, std::string_view text) {
  std::string changed = require_ascii(context, text);
  std::ranges::transform(changed, changed.begin(), upper);
  return context.string(std::move(changed));
}

Value to_lower(Context& context, std::string_view text) {
  constexpr char32_t kCapitalIWithDot = 0x130,
                     kCapitalSigma = 0x3A3;  // become two characters; depend on their place
  context.spend_bytes(text.size());
  std::string changed;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == kCapitalIWithDot || c.value == kCapitalSigma) {
      context.unsupported("changing U+0130 and U+03A3 to small letters is not supported");
    }
    append_utf8(changed, static_cast<char32_t>(::utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
    at += static_cast<std::size_t>(c.length);
  }
  return make_string(std::move(changed));
}

Value capitalize(Context& context, std::string_view text) {
  std::string changed = require_ascii(context, text);
  std::ranges::transform(changed, changed.begin(), lower);
  if (!changed.empty()) changed[0] = upper(changed[0]);
  return context.string(std::move(changed));
}

Value title(Context& context, std::string_view text) {
  std::string changed = require_ascii(context, text);
  bool begins = true;
  for (char& c : changed) {
    c = begins ? upper(c) : lower(c);
    begins = is_space(static_cast<unsigned char>(c)) ||
             std::string_view("-({[<").find(c) != std::string_view::npos;
  }
  return context.string(std::move(changed));
}

Value join(Context& context, std::string_view separator, const List& items) {
  std::string joined;
  for (std::size_t i = 0; i < items.items.size(); ++i) {
    context.spend_steps(1);
    if (i > 0) {
      context.spend_bytes(separator.size());
      joined += separator;
    }
    joined += to_text(context, items.items[i]);
  }
  return make_string(std::move(joined));
}

Value replace(Context& context, std::string_view text, std::string_view from, std::string_view to,
              std::int64_t limit) {
  std::vector<std::string_view> parts;
  if (from.empty()) {  // between all characters and at both ends
    parts = code_points(text);
    parts.insert(parts.begin(), std::string_view());
    parts.emplace_back();
    if (limit >= 0 && limit + 1 < static_cast<std::int64_t>(parts.size())) {
      std::size_t kept = 0;
      for (std::int64_t i = 0; i < limit; ++i) kept += parts[static_cast<std::size_t>(i)].size();
      parts.resize(static_cast<std::size_t>(limit));
      parts.push_back(text.substr(kept));
    }
  } else {
    parts = split(text, from, limit);
  }
  context.spend_bytes(text.size());
  if (!to.empty() && parts.size() > kMaxBytes / to.size()) context.fail("replace makes too long a string");
  context.spend_bytes((parts.size() - 1) * to.size());
  return make_string(fmt::format("{}", fmt::join(parts, to)));
}

Value dict_items(Context& context, const Dict& dict) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) items.push_back(context.list({key, value}, true));
  return context.list(std::move(items));
}

}  // namespace isobatch::text::jinja
