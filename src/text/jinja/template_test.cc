// What Python's jinja2 cannot judge: bounds, places of errors, what is not supported. The rest is compared
// with it in tests/golden.
#include "text/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobatch::text::jinja {
namespace {

using ::testing::HasSubstr;

std::string render(std::string_view source) {
  return Template(source).render([](Context&) { return Template::Variables(); });
}

void expect_error(std::string_view source, ErrorCode code, std::string_view message) {
  try {
    render(source);
    ADD_FAILURE() << source.substr(0, 100) << ": no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
}

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(Template, ErrorsNameThePlace) {
  expect_error("a\n  {{ 1 / 0 }}", ErrorCode::invalid_argument, "chat template:2:8: division by zero");
  expect_error("é{{ x.y }}", ErrorCode::invalid_argument, "chat template:1:6: 'x' is undefined");
  expect_error("{% if 1 %}\r\n{{ raise_exception('no ' ~ 2) }}{% endif %}", ErrorCode::invalid_argument,
               "chat template:2:19: no 2");
  expect_error("\n\n{% if 1 %}", ErrorCode::corrupt_file, "chat template:3:11: expected \"endif\"");
  expect_error("{{ 'abc }}", ErrorCode::corrupt_file, "chat template:1:4: this string has no end");
  expect_error("{{ 1 1 }}", ErrorCode::corrupt_file, "chat template:1:6: expected \"}}\", found a number");
  expect_error("\xff", ErrorCode::corrupt_file, "byte 0xff at byte offset 0");
}

TEST(Template, WhatIsNotKnownIsUnsupportedAndNamed) {
  expect_error("{{ 1 | frobnicate }}", ErrorCode::unsupported, "1:8: the filter \"frobnicate\"");
  expect_error("{{ 1 is frob }}", ErrorCode::unsupported, "the test \"frob\"");
  expect_error("{% call m() %}{% endcall %}", ErrorCode::unsupported, "the tag \"call\"");
  expect_error("{% macro m() %}{% macro n() %}{% endmacro %}{% endmacro %}", ErrorCode::unsupported,
               "1:19: a macro");
  expect_error("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", ErrorCode::unsupported, "caller");
  expect_error("{% macro m() %}{{ varargs }}{% endmacro %}{{ m() }}", ErrorCode::unsupported, "varargs");
  expect_error("{% raw %}{% endraw %}", ErrorCode::unsupported, "the tag \"raw\"");
  expect_error("{{ strftime_now('%f') }}", ErrorCode::unsupported, "strftime_now: the format %f");
  expect_error("{{ 'a'.zfill(3) }}", ErrorCode::unsupported, "the method \"zfill\" of a str");
  expect_error("{{ 2 ** 3 }}", ErrorCode::unsupported, "the operator **");
  expect_error("{{ 'é'|upper }}", ErrorCode::unsupported, "beyond ASCII");
  expect_error("{{ 99999999999999999999 }}", ErrorCode::unsupported, "the number");
}

TEST(Template, CallsWithWrongArguments) {
  expect_error("{{ range() }}", ErrorCode::invalid_argument, "range needs the argument \"start\"");
  expect_error("{{ range(1, 2, 3, 4) }}", ErrorCode::invalid_argument,
               "range takes at most 3 arguments, 4 are given");
  expect_error("{{ 1|default(1, default_value=2) }}", ErrorCode::invalid_argument, "twice");
  expect_error("{{ 1|default(no=2) }}", ErrorCode::invalid_argument, "no argument of the name \"no\"");
}

TEST(Template, StepsAreBounded) {
  const std::string loop = "{% for a in range(100000) %}", end = "{% endfor %}";
  expect_error(loop + loop + end + end, ErrorCode::invalid_argument, "more than 10000000 steps");
}

TEST(Template, MemoryIsBounded) {
  const std::string doubling = "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(100) %}";
  expect_error(doubling + "{% set n.s = n.s ~ n.s %}{% endfor %}", ErrorCode::invalid_argument, "bytes");
  expect_error("{{ 'ab' * 9000000000000000000 }}", ErrorCode::invalid_argument, "times");
  expect_error("{{ [1] * 9000000000 }}", ErrorCode::invalid_argument, "times");
  expect_error("{% set n = namespace(l=[1]) %}{% for i in range(100) %}{% set n.l = n.l + n.l %}{% endfor %}",
               ErrorCode::invalid_argument, "bytes");
  expect_error(
      "{% set n = namespace(l=[1]) %}{% for i in range(90) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
      ErrorCode::invalid_argument, "more than");
  expect_error("{% set s = 'a' * 8000000 %}" + repeated("{{ s }}", 9), ErrorCode::invalid_argument,
               "the output");
}

TEST(Template, NestingIsBounded) {
  const int many = 20000;
  expect_error("{{ " + repeated("(", many) + repeated(")", many) + " }}", ErrorCode::unsupported, "nesting");
  expect_error("{{ " + repeated("[", many) + repeated("]", many) + " }}", ErrorCode::unsupported, "nesting");
  expect_error("{{ " + repeated("not ", many) + "1 }}", ErrorCode::unsupported, "nesting");
  expect_error("{{ " + repeated("- ", many) + "1 }}", ErrorCode::unsupported, "nesting");
  expect_error("{{ 1" + repeated(" + 1", many) + " }}", ErrorCode::unsupported, "levels");
  expect_error("{{ a" + repeated(".a", many) + " }}", ErrorCode::unsupported, "levels");
  expect_error("{{ 1" + repeated(" if 1 else 1", many) + " }}", ErrorCode::unsupported, "nesting");
  expect_error(repeated("{% if 1 %}", many) + repeated("{% endif %}", many), ErrorCode::unsupported,
               "nesting");
  expect_error("{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}{% endfor %}",
               ErrorCode::invalid_argument, "nested deeper than 100");
}

TEST(Template, MacrosThatCallThemselvesAreBounded) {
  expect_error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ErrorCode::invalid_argument,
               "nested deeper than 1000");
  const std::string deep = "{{ " + repeated("(1 + ", 20) + "(m())" + repeated(")", 20) + " }}";
  expect_error("{% macro m() %}" + repeated("{% if 1 %}", 40) + deep + repeated("{% endif %}", 40) +
                   "{% endmacro %}{{ m() }}",
               ErrorCode::invalid_argument, "nested deeper than 1000");
  expect_error(
      "{% macro a(n) %}{{ b(n) }}{{ b(n) }}{% endmacro %}{% macro b(n) %}{% if n < 60 %}{{ a(n + 1) }}{% "
      "endif %}"
      "{% endmacro %}{{ a(0) }}",
      ErrorCode::invalid_argument, "steps");
}

TEST(Template, NamespacesMayHoldOneAnother) {
  EXPECT_EQ(render("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{{ a.b.a == a }}"),
            "True");
}

TEST(Template, IntegersThatOverflowAreAnError) {
  expect_error("{{ 9223372036854775807 + 1 }}", ErrorCode::invalid_argument, "64 bits");
  expect_error("{{ (-9223372036854775807 - 1) // -1 }}", ErrorCode::invalid_argument, "64 bits");
  expect_error("{{ 9223372036854775807 * 2 }}", ErrorCode::invalid_argument, "64 bits");
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}"), "0");
}

TEST(Template, MayBeRenderedAgain) {
  const Template t("{% set x = x ~ 'b' %}{{ x }}");
  const auto variables = [](Context& c) { return Template::Variables{{"x", c.string("a")}}; };
  EXPECT_EQ(t.render(variables), "ab");
  EXPECT_EQ(t.render(variables), "ab");
}

}  // namespace
}  // namespace isobatch::text::jinja
