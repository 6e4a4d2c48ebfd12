#include "text/normalization.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  replaced.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, done)) {
    replaced.append(text, done, at - done);
    replaced += to;
    done = at + from.size();
  }
  replaced.append(text, done);
  return replaced;
}

// `space` at both ends goes, runs of it become one.
std::string without_extra_spaces(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (c != ' ' || (!kept.empty() && kept.back() != ' ')) kept += c;
  }
  if (!kept.empty() && kept.back() == ' ') kept.pop_back();
  return kept;
}

}  // namespace

std::string escape_spaces(std::string_view text) { return replace_all(text, " ", kEscapedSpace); }
std::string unescape_spaces(std::string_view text) { return replace_all(text, kEscapedSpace, " "); }

std::string prepare_sentencepiece_text(std::string_view text, const TokenizerSpec& spec, bool first) {
  std::string escaped = escape_spaces(
      spec.remove_extra_whitespaces ? without_extra_spaces(unescape_spaces(text)) : std::string(text));
  if (escaped.empty()) return escaped;
  const bool has_space = escaped.starts_with(kEscapedSpace);
  bool prefix = false;
  switch (spec.space_prefix) {
    case SpacePrefix::never:
      break;
    case SpacePrefix::first:
      prefix = first;
      break;
    case SpacePrefix::every:
      prefix = true;
      break;
    case SpacePrefix::first_if_absent:
      prefix = first && !has_space;
      break;
    case SpacePrefix::every_if_absent:
      prefix = !has_space;
      break;
  }
  if (prefix) escaped.insert(0, kEscapedSpace);
  return escaped;
}

// Below U+0300, the first combining mark, every sequence of characters is in form C.
bool is_surely_nfc(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0xCC; });
}

std::string to_nfc(std::string_view text) {
  utf8proc_uint8_t* data = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &data, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(data, &std::free);
  if (size < 0) {
    throw Error(size == UTF8PROC_ERROR_NOMEM ? ErrorCode::out_of_memory : ErrorCode::invalid_argument,
                fmt::format("text to tokenize: normalization form C: {}", utf8proc_errmsg(size)));
  }
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

}  // namespace isobatch::text
