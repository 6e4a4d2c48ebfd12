#include "grammar/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "isobatch/error.h"
#include "text/utf8.h"

namespace isobatch::grammar {
namespace {

constexpr std::size_t kMostBytes = 64 << 10;
constexpr int kMostDepth = 100;
constexpr std::uint32_t kMostRepeats = 100'000;

const CodePointSet kDigits = {{'0', '9'}};
const CodePointSet kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// ECMA-262, 12.2 and 12.3: white space and line terminators.
const CodePointSet kSpace = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                             {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                             {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CodePointSet kLineTerminators = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class RegexParser {
 public:
  RegexParser(TermPool& pool, std::string_view regex, Encode encode, std::string_view where)
      : pool_(pool), text_(regex), encode_(encode), where_(where) {
    if (regex.size() > kMostBytes) fail(fmt::format("expected at most {} bytes", kMostBytes));
    text::require_utf8(regex, where);
  }

  Term parse(RegexMatch match) {
    const std::vector<Branch> branches = parse_alternatives(0);
    if (at_ < text_.size()) fail("expected an opening ( before");
    const Term any = pool_.repeat(encode_(pool_, CodePointSet().complement()), 0);
    std::vector<Term> ways;
    for (const Branch& branch : branches) {
      if (match == RegexMatch::whole) {
        ways.push_back(branch.term);
      } else {
        ways.push_back(
            pool_.concat({branch.from_start ? kEpsilon : any, branch.term, branch.to_end ? kEpsilon : any}));
      }
    }
    return pool_.either(std::move(ways));
  }

 private:
  // One of several alternatives, and whether ^ and $ stand at its ends.
  struct Branch {
    Term term = kEpsilon;
    bool from_start = false;
    bool to_end = false;
    bool anchored() const { return from_start || to_end; }
  };

  [[noreturn]] void fail(std::string_view problem) const {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: regular expression: {} byte {}", where_, problem, at_));
  }
  bool more() const { return at_ < text_.size(); }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  char32_t take_character() {
    const text::CodePoint c = text::decode_utf8(text_, at_);
    at_ += static_cast<std::size_t>(c.length);
    return c.value;
  }
  Term encode(const CodePointSet& set) { return encode_(pool_, set); }

  std::vector<Branch> parse_alternatives(int depth) {
    if (depth > kMostDepth) fail(fmt::format("more than {} groups within one another at", kMostDepth));
    std::vector<Branch> branches;
    do {
      for (const Branch& branch : parse_sequence(depth)) branches.push_back(branch);
    } while (take("|"));
    return branches;
  }

  // More than one branch comes only of a group that stands alone.
  std::vector<Branch> parse_sequence(int depth) {
    std::vector<Term> parts;
    Branch whole;
    std::vector<Branch> alone;  // an anchored group, which nothing may stand beside
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      if (take("^")) {
        if (!parts.empty() || whole.to_end) fail("not supported: ^ not at the beginning, before");
        whole.from_start = true;
        continue;
      }
      if (take("$")) {
        whole.to_end = true;
        continue;
      }
      if (whole.to_end) fail("not supported: $ not at the end, before");
      if (!alone.empty()) fail("not supported: ^ or $ inside, before");
      std::vector<Branch> atom = parse_atom(depth);
      const bool anchored = std::ranges::any_of(atom, &Branch::anchored);
      std::vector<Term> ways;
      for (const Branch& branch : atom) ways.push_back(branch.term);
      const Term before = pool_.either(std::move(ways));
      const Term term = parse_quantifier(before);
      if (anchored) {
        if (!parts.empty() || whole.from_start || term != before)
          fail("not supported: ^ or $ inside, before");
        alone = std::move(atom);
      }
      parts.push_back(term);
    }
    if (!alone.empty()) {
      if (whole.to_end) fail("not supported: $ inside, before");
      return alone;
    }
    for (std::size_t i = parts.size(); i-- > 0;) whole.term = pool_.concat(parts[i], whole.term);
    return {whole};
  }

  std::vector<Branch> parse_atom(int depth) {
    if (take("(")) return parse_group(depth);
    if (take("[")) return {{encode(parse_class())}};
    if (take(".")) return {{encode(kLineTerminators.complement())}};
    if (take("\\")) return {{encode(parse_escape(false))}};
    if (std::string_view("*+?").find(text_[at_]) != std::string_view::npos) fail("nothing to repeat at");
    const char32_t c = take_character();
    return {{encode({{c, c}})}};
  }

  std::vector<Branch> parse_group(int depth) {
    if (take("?")) {
      const bool plain = take(":");
      const bool named =
          !plain && (take("P<") || take("<")) && more() && text_[at_] != '=' && text_[at_] != '!';
      if (named) {
        const std::size_t end = text_.find('>', at_);
        if (end == std::string_view::npos) fail("expected > of a group's name behind");
        at_ = end + 1;
      } else if (!plain) {
        fail("not supported: look-around or flags at");
      }
    }
    std::vector<Branch> branches = parse_alternatives(depth + 1);
    if (!take(")")) fail("expected ) at");
    return branches;
  }

  Term parse_quantifier(Term term) {
    std::uint32_t low = 0, high = kNoLimit;
    if (take("*")) {
    } else if (take("+")) {
      low = 1;
    } else if (take("?")) {
      high = 1;
    } else if (!parse_counts(low, high)) {
      return term;
    }
    take("?");  // lazy: the same texts
    if (more() && std::string_view("*+?").find(text_[at_]) != std::string_view::npos) {
      fail("nothing to repeat at");
    }
    return pool_.repeat(term, low, high);
  }

  // {n} {n,} {n,m}; else a brace is a brace.
  bool parse_counts(std::uint32_t& low, std::uint32_t& high) {
    const std::size_t begin = at_;
    if (!take("{")) return false;
    const auto first = parse_number();
    bool good = first.has_value();
    if (good) {
      low = high = *first;
      if (take(",")) high = parse_number().value_or(kNoLimit);
      good = take("}");
    }
    if (!good) {
      at_ = begin;
      return false;
    }
    if (low > kMostRepeats || (high != kNoLimit && high > kMostRepeats)) {
      fail(fmt::format("expected at most {} repetitions before", kMostRepeats));
    }
    if (low > high) fail("numbers out of order before");
    return true;
  }

  std::optional<std::uint32_t> parse_number() {
    std::optional<std::uint32_t> number;
    for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      number =
          std::min(number.value_or(0) * 10 + static_cast<std::uint32_t>(text_[at_] - '0'), kMostRepeats + 1);
    }
    return number;
  }

  CodePointSet parse_class() {
    const bool negated = take("^");
    CodePointSet set;
    bool empty = true;
    while (!take("]")) {
      if (!more()) fail("expected ] at");
      empty = false;
      const CodePointSet first = parse_class_item();
      const bool range = text_.substr(at_).starts_with("-") && !text_.substr(at_).starts_with("-]");
      if (!range) {
        set.add(first);
        continue;
      }
      take("-");
      if (!more()) fail("expected ] at");
      const CodePointSet last = parse_class_item();
      if (!is_one(first) || !is_one(last)) fail("expected characters as the ends of a range before");
      if (first.ranges()[0].first > last.ranges()[0].first) fail("range out of order before");
      set.add(first.ranges()[0].first, last.ranges()[0].first);
    }
    if (empty) fail("an empty class before");
    return negated ? set.complement() : set;
  }
  static bool is_one(const CodePointSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].second;
  }
  CodePointSet parse_class_item() {
    if (take("\\")) return parse_escape(true);
    const char32_t c = take_character();
    return {{c, c}};
  }

  // Behind the backslash.
  CodePointSet parse_escape(bool in_class) {
    if (!more()) fail("expected a character behind \\ at");
    const char32_t c = take_character();
    const auto one = [](char32_t x) { return CodePointSet{{x, x}}; };
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return kDigits.complement();
      case 'w':
        return kWord;
      case 'W':
        return kWord.complement();
      case 's':
        return kSpace;
      case 'S':
        return kSpace.complement();
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return one(parse_hex(2));
      case 'u':
        return one(parse_unicode());
      case 'b':
        if (in_class) return one('\b');
        break;
      case '0':
        if (!more() || text_[at_] < '0' || text_[at_] > '9') return one(0);
        break;
      default:
        break;
    }
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter) fail(fmt::format("not supported: \\{} before", static_cast<char>(c)));
    return one(c);
  }

  char32_t parse_hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) value = value * 16 + parse_hex_digit();
    return value;
  }
  char32_t parse_hex_digit() {
    const std::size_t found =
        more() ? std::string_view("0123456789abcdefABCDEF").find(text_[at_]) : std::string_view::npos;
    if (found == std::string_view::npos) fail("expected a hexadecimal digit at");
    ++at_;
    return static_cast<char32_t>(found < 16 ? found : found - 6);
  }
  char32_t parse_unicode() {
    char32_t value = 0;
    if (take("{")) {
      do {
        value = value * 16 + parse_hex_digit();
        if (value > 0x10FFFF) fail("expected a code point before");
      } while (!take("}"));
    } else {
      value = parse_hex(4);
      const bool high = value >= 0xD800 && value < 0xDC00;
      if (high && take("\\u")) {
        const char32_t low = parse_hex(4);
        if (low < 0xDC00 || low > 0xDFFF) fail("expected the second half of a surrogate pair before");
        value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (value >= 0xD800 && value <= 0xDFFF) fail("half of a surrogate pair before");
    return value;
  }

  TermPool& pool_;
  std::string_view text_;
  Encode encode_;
  std::string_view where_;
  std::size_t at_ = 0;
};

}  // namespace

Term regex_term(TermPool& pool, std::string_view regex, RegexMatch match, Encode encode,
                std::string_view where) {
  return RegexParser(pool, regex, encode, where).parse(match);
}

}  // namespace isobatch::grammar
