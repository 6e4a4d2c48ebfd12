#include "text/jinja/lexer.h"

#include <gtest/gtest.h>

namespace isobatch::text::jinja {
namespace {

// The kinds and texts of the tokens, readable.
std::string shape(std::string_view source) {
  constexpr std::string_view kMarks[] = {"T:", "{{", "}}", "{%", "%}", "n:", "s:", "i", "f", "", "$"};
  std::string text;
  for (const Token& token : tokenize(source)) {
    if (!text.empty()) text += ' ';
    text += kMarks[static_cast<int>(token.kind)];
    text += token.text;
    if (token.kind == TokenKind::integer) text += std::to_string(token.integer);
  }
  return text;
}

TEST(Lexer, Kinds) {
  EXPECT_EQ(shape("a{{ x.y|f(1, 2.5) }}{% if 'q' %}"),
            "T:a {{ n:x . n:y | n:f ( i1 , f ) }} {% n:if s:q %} $");
  EXPECT_EQ(shape("{{ 1//2 != 3 >= _a1 }}"), "{{ i1 // i2 != i3 >= n:_a1 }} $");
  EXPECT_EQ(shape("{{ x.0.1 }}"), "{{ n:x . i0 . i1 }} $");
  EXPECT_EQ(shape(""), "$");
}

TEST(Lexer, EndMarksInsideBracketsAndStringsAreNone) {
  EXPECT_EQ(shape("{{ {'a': {}} }}"), "{{ { s:a : { } } }} $");
  EXPECT_EQ(shape("{{ '}}' }}"), "{{ s:}} }} $");
}

TEST(Lexer, WhiteSpaceControl) {
  EXPECT_EQ(shape("a {{- 1 -}} b"), "T:a {{ i1 }} T:b $");
  EXPECT_EQ(shape("a\n  {% x %}\nb"), "T:a\n {% n:x %} T:b $");
  EXPECT_EQ(shape("a\n  {%+ x +%}\nb"), "T:a\n   {% n:x %} T:\nb $");
  EXPECT_EQ(shape("a\n  {# c #}\n  b"), "T:a\n T:  b $");
  EXPECT_EQ(shape("a\r\nb\r"), "T:a\nb $");
}

TEST(Lexer, Positions) {
  const auto tokens = tokenize("é\n {{ x }}");
  EXPECT_EQ(tokens[1].position.line, 2);
  EXPECT_EQ(tokens[1].position.column, 2);
  EXPECT_EQ(tokens[2].position.column, 5);
}

TEST(Lexer, BrokenInput) {
  for (const char* source : {"{{", "{{ 'a", "{# a", "{{ ) }}", "{{ [) }}", "{{ $ }}", "{{ '\\x4' }}",
                             "{{ '\\ud800' }}", "{{ 1a }}", "{{ 'a\\", "{%", "{{ '\\N{DASH}' }}"}) {
    EXPECT_THROW(tokenize(source), Error) << source;
  }
}

}  // namespace
}  // namespace isobatch::text::jinja
