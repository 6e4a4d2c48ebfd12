#include "text/normalization.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "isobatch/error.h"
#include "text/utf8.h"

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

bool takes_prefix(SpacePrefix rule, bool first, bool has_space) {
  switch (rule) {
    case SpacePrefix::never:
      return false;
    case SpacePrefix::first:
      return first;
    case SpacePrefix::every:
      return true;
    case SpacePrefix::first_if_absent:
      return first && !has_space;
    case SpacePrefix::every_if_absent:
      return !has_space;
  }
  return false;
}

}  // namespace

std::string escape_spaces(std::string_view text) { return replace_all(text, " ", kEscapedSpace); }
std::string unescape_spaces(std::string_view text) { return replace_all(text, kEscapedSpace, " "); }

void add_space_prefix(std::string& escaped, const TokenizerSpec& spec, bool first) {
  if (takes_prefix(spec.space_prefix, first, escaped.starts_with(kEscapedSpace)))
    escaped.insert(0, kEscapedSpace);
}

std::string prepare_sentencepiece_text(std::string_view text, const TokenizerSpec& spec, bool first) {
  std::string escaped = escape_spaces(
      spec.remove_extra_whitespaces ? without_extra_spaces(unescape_spaces(text)) : std::string(text));
  if (!escaped.empty()) add_space_prefix(escaped, spec, first);
  return escaped;
}

std::string_view without_end_space(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += static_cast<std::size_t>(c.length);
    if (!is_white_space(c.value)) end = at;
  }
  return text.substr(0, end);
}

std::string join_spaces(std::string_view text, std::string_view joined) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::size_t end = std::min(text.find_first_not_of(' ', space), text.size());
    result += text.substr(at, space - at);
    result += end - space < 2 ? text.substr(space, end - space) : joined;
    at = end;
  }
  return result;
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
