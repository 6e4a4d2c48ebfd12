#include "text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "isobatch/error.h"

namespace isobatch::text {
namespace {

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Llama 3's, and Qwen2's, which takes digits one at a time.
#define ISOBATCH_GPT4_PATTERN(digits)                                \
  R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" digits \
  R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr std::string_view kLlama3 = ISOBATCH_GPT4_PATTERN(R"(\p{N}{1,3})");
constexpr std::string_view kQwen2 = ISOBATCH_GPT4_PATTERN(R"(\p{N})");
#undef ISOBATCH_GPT4_PATTERN

// DeepSeek LLM's letters are those that have a case.
constexpr std::string_view kDeepSeekLines = R"([\r\n])";
// Six are written by number: normalization would change them. Tools disagree on their width, so they are
// not formatted.
// clang-format off
constexpr std::string_view kDeepSeekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ"
    "-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴ"
    "ℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
// clang-format on
constexpr std::string_view kDeepSeekPunctuation = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kDeepSeekSpaces = R"(\s+$)";
constexpr std::string_view kDeepSeekEastAsian = R"([一-龥ࠀ-一가-퟿]+)";
constexpr std::string_view kDigit = R"(\p{N})", kDigits = R"(\p{N}+)";

// Each pattern cuts every piece of the one before into matches and what lies between them.
struct Definition {
  std::string_view name;
  std::vector<std::string_view> patterns;
};

const std::vector<Definition>& definitions() {
  static const std::vector<Definition> table = {
      {"gpt-2", {kGpt2}},
      {"smollm", {kDigit, kGpt2}},
      {"llama-bpe", {kLlama3}},
      {"qwen2", {kQwen2}},
      {"deepseek-llm",
       {kDeepSeekLines, kDeepSeekLetters, kDeepSeekPunctuation, kDeepSeekSpaces, kDeepSeekEastAsian, kDigit}},
  };
  return table;
}

const Definition& find_definition(std::string_view name) {
  for (const Definition& definition : definitions()) {
    if (definition.name == name) return definition;
  }
  throw Error(ErrorCode::unsupported, fmt::format("pre-tokenizer \"{}\" is not known; known are: {}", name,
                                                  PreTokenizer::known_names()));
}

// A tokenizer.json may have the characters themselves for \r and \n.
std::string with_escaped_lines(std::string_view pattern) {
  std::string escaped;
  for (const char c : pattern) {
    if (c == '\r') {
      escaped += R"(\r)";
    } else if (c == '\n') {
      escaped += R"(\n)";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// PCRE2's \s has U+180E, which is not Unicode White_Space; the patterns mean White_Space.
std::string expand_white_space(std::string_view pattern) {
  constexpr std::string_view kSpaces =
      R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
  std::string expanded;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view two = pattern.substr(i, 2);
    if (two == R"(\s)") {
      expanded += in_class ? std::string(kSpaces) : fmt::format("[{}]", kSpaces);
      ++i;
    } else if (two == R"(\S)" && !in_class) {
      expanded += fmt::format("[^{}]", kSpaces);
      ++i;
    } else if (two[0] == '\\') {
      expanded += two;
      ++i;
    } else {
      if (two[0] == '[') in_class = true;
      if (two[0] == ']') in_class = false;
      expanded += two[0];
    }
  }
  return expanded;
}

std::string error_message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

class PreTokenizer::Stage {
 public:
  explicit Stage(std::string_view pattern) {
    const std::string source = expand_white_space(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
    if (!code_) {
      throw Error(ErrorCode::unsupported, fmt::format("pre-tokenizer pattern {}: {} at offset {}", pattern,
                                                      error_message(error), offset));
    }
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT the same matches come slower
  }

  // The next match at or after `start`, as [begin, end); false when there is none.
  bool find(std::string_view text, std::size_t start, pcre2_match_data* match, std::size_t& begin,
            std::size_t& end) const {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int result = pcre2_match(code_.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK, match, nullptr);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
      result = pcre2_match(code_.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match,
                           nullptr);
    }
    if (result == PCRE2_ERROR_NOMATCH) return false;
    if (result < 0) {
      throw Error(ErrorCode::invalid_argument, fmt::format("pre-tokenizer: {}", error_message(result)));
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
    begin = bounds[0];
    end = bounds[1];
    return end > begin;
  }

 private:
  struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, FreeCode> code_;
};

PreTokenizer::PreTokenizer(std::string_view name) {
  for (const std::string_view pattern : find_definition(name).patterns) stages_.emplace_back(pattern);
}
PreTokenizer::PreTokenizer(std::span<const std::string> patterns) {
  for (const std::string& pattern : patterns) {
    if (!knows(pattern)) {
      throw Error(ErrorCode::unsupported, fmt::format("pre-tokenizer pattern {} is not known", pattern));
    }
    stages_.emplace_back(with_escaped_lines(pattern));
  }
}
PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;

std::string PreTokenizer::known_names() {
  std::string names;
  for (const Definition& definition : definitions()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", definition.name);
  }
  return names;
}
bool PreTokenizer::knows(std::string_view pattern) {
  const std::string escaped = with_escaped_lines(pattern);
  return escaped == kDigits || std::ranges::any_of(definitions(), [&](const Definition& definition) {
           return std::ranges::find(definition.patterns, escaped) != definition.patterns.end();
         });
}
std::string PreTokenizer::gpt2_pattern() { return std::string(kGpt2); }
std::string PreTokenizer::digits_pattern(bool each) { return std::string(each ? kDigit : kDigits); }

void PreTokenizer::split(std::string_view text, const OnPiece& on_piece) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  if (!match) throw Error(ErrorCode::out_of_memory, "pre-tokenizer: no memory for a match");
  split_from(0, text, on_piece, match.get());
}

void PreTokenizer::split_from(std::size_t stage, std::string_view text, const OnPiece& on_piece,
                              void* match_data) const {
  if (text.empty()) return;
  if (stage == stages_.size()) return on_piece(text);
  std::size_t done = 0, begin = 0, end = 0;
  while (done < text.size() &&
         stages_[stage].find(text, done, static_cast<pcre2_match_data*>(match_data), begin, end)) {
    split_from(stage + 1, text.substr(done, begin - done), on_piece, match_data);
    split_from(stage + 1, text.substr(begin, end - begin), on_piece, match_data);
    done = end;
  }
  split_from(stage + 1, text.substr(done), on_piece, match_data);
}

}  // namespace isobatch::text
