// What Python's str does, on UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::text::jinja {

bool is_space(char32_t c);  // str.isspace

enum class Side { left, right, both };

// Without the white space (or the characters of `characters`) at the given side.
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, std::string_view characters, Side side);

std::size_t count_code_points(std::string_view text);
std::vector<std::string_view> code_points(std::string_view text);

// int(text) and float(text) of plain ASCII numbers; nullopt for what these refuse, and for numbers over 64
// bits.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_float(std::string_view text);

// At most `limit` cuts; negative: no limit.
std::vector<std::string_view> split_at_spaces(std::string_view text, std::int64_t limit);
// `separator` must not be empty.
std::vector<std::string_view> split(std::string_view text, std::string_view separator, std::int64_t limit);

// Offset of the first `part` at or after `start`, or npos; linear time.
// Parts between line ends (all that Python knows), without these or with them.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

std::size_t find(std::string_view text, std::string_view part, std::size_t start = 0);

}  // namespace isobatch::text::jinja
