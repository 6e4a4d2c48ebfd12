// What a JSON schema lets through: each text is valid, and it is what should be let through.
#include "grammar/schema.h"

#include <gmock/gmock.h>

#include "grammar/grammar_test_support.h"
#include "grammar/matcher.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "tests/grammar/schemas.h"
#include "tests/grammar/validate.h"

namespace isobatch::grammar {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::unique_ptr<Automaton> automaton_of(std::string_view schema) {
  return compile({.schema = std::make_shared<const Value>(openai::parse_value(schema))}, false);
}

bool takes(std::string_view schema, std::string_view text) { return accepts(*automaton_of(schema), text); }

std::string refusal(std::string_view schema) {
  try {
    automaton_of(schema);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Schema, EveryTextIsValid) {
  test::Random random(11);
  for (const char* schema : test::kSchemas) {
    const auto automaton = automaton_of(schema);
    const Json parsed = Json::parse(schema);
    int texts = 0;
    for (int i = 0; i < 300; ++i) {
      bool stuck = false;
      const auto text = random_text(*automaton, random, random.below(120), &stuck);
      ASSERT_FALSE(stuck) << schema;
      if (!text) continue;
      ++texts;
      const Json value = Json::parse(*text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << *text;
      ASSERT_EQ(test::invalid_part(value, parsed, parsed), "") << schema << "\n" << *text;
    }
    EXPECT_GT(texts, 0) << schema;
  }
}

TEST(Schema, TheValidatorFindsWhatIsNotValid) {
  const Json schema = Json::parse(test::kSchemas[0]);
  EXPECT_EQ(test::invalid_part(Json::parse(R"({"name":"A","age":3})"), schema, schema), "");
  EXPECT_EQ(test::invalid_part(Json::parse(R"({"name":"A","age":-3})"), schema, schema), "$.age: minimum");
  EXPECT_EQ(test::invalid_part(Json::parse(R"({"age":3})"), schema, schema), "$: required \"name\"");
}

TEST(Schema, TakesWhatItShould) {
  const char* person = test::kSchemas[0];
  EXPECT_TRUE(takes(person, R"({"name": "Ada", "age": 36})"));
  EXPECT_TRUE(takes(person, "{\n  \"name\": \"Ada\",\n  \"age\": 36\n}"));
  EXPECT_TRUE(takes(person, R"({"name":"\u00c5\n\ud83d\ude00","age":0})"));
  EXPECT_FALSE(takes(person, R"({"name":"\ud83d","age":0})"));
  EXPECT_FALSE(takes(person, R"({"age": 36, "name": "Ada"})"));
  EXPECT_FALSE(takes(person, R"({"name": "Ada", "age": 036})"));
  EXPECT_FALSE(takes(person, R"({"name": "Ada", "age": 36, "x": 1})"));
  EXPECT_FALSE(takes(person, R"({"name": "Ada",    "age": 36})"));
  EXPECT_TRUE(takes(R"({"type":"object"})", R"({"a": [1, {"b": null}], "c": "d"})"));
  EXPECT_FALSE(takes(R"({"type":"object"})", R"([1])"));
  EXPECT_TRUE(takes("true", R"([1.5e3])"));
}

TEST(Schema, Numbers) {
  const auto between = [](const char* type, const char* least, const char* most, const char* text) {
    const std::string schema =
        std::string(R"({"type":")") + type + R"(","minimum":)" + least + R"(,"maximum":)" + most + "}";
    return takes(schema, text);
  };
  EXPECT_TRUE(between("integer", "-12", "305", "-12"));
  EXPECT_TRUE(between("integer", "-12", "305", "305"));
  EXPECT_FALSE(between("integer", "-12", "305", "306"));
  EXPECT_FALSE(between("integer", "-12", "305", "-13"));
  EXPECT_FALSE(between("integer", "-12", "305", "1.0"));
  EXPECT_TRUE(between("number", "0.25", "1.5", "0.25"));
  EXPECT_TRUE(between("number", "0.25", "1.5", "0.2500001"));
  EXPECT_FALSE(between("number", "0.25", "1.5", "0.2499"));
  EXPECT_FALSE(between("number", "0.25", "1.5", "1.51"));
  EXPECT_TRUE(between("number", "-1.5", "-0.25", "-0.25"));
  EXPECT_FALSE(between("number", "-1.5", "-0.25", "0"));
  EXPECT_FALSE(takes(R"({"type":"number","exclusiveMinimum":0})", "0.00"));
  EXPECT_TRUE(takes(R"({"type":"number","exclusiveMinimum":0})", "0.001"));
}

// Every integer and every number with one digit behind the point, against the range itself.
TEST(Schema, RangesAreExact) {
  test::Random random(4);
  for (int i = 0; i < 60; ++i) {
    const int low = static_cast<int>(random.below(4000)) - 2000,
              high = low + static_cast<int>(random.below(2500));
    const bool exclusive = random.below(2) == 0;
    Json schema = {{"type", "number"}};
    schema[exclusive ? "exclusiveMinimum" : "minimum"] = low / 10.0;
    schema[exclusive ? "exclusiveMaximum" : "maximum"] = high / 10.0;
    if (exclusive && low == high) continue;
    const auto automaton = automaton_of(schema.dump());
    for (int x = -2100; x <= 4600; ++x) {
      const int whole = std::abs(x) / 10, tenth = std::abs(x) % 10;
      const std::string text = (x < 0 ? "-" : "") + std::to_string(whole) +
                               (tenth != 0 || x % 3 == 0 ? "." + std::to_string(tenth) : "");
      const bool inside = exclusive ? low < x && x < high : low <= x && x <= high;
      ASSERT_EQ(accepts(*automaton, text), inside) << schema << " " << text;
    }
  }
}

TEST(Schema, WhatIsNotSupportedIsNamedWithItsPlace) {
  EXPECT_EQ(refusal(R"({"type":"object","properties":{"a":{"not":{}}}})"),
            "schema: $.properties.a: not: not supported");
  EXPECT_EQ(refusal(R"({"type":"array","items":{"type":"number","multipleOf":3}})"),
            "schema: $.items: multipleOf: not supported");
  EXPECT_THAT(refusal(R"({"anyOf":[{"type":"string"},{"uniqueItems":true}]})"),
              HasSubstr("$.anyOf[1]: uniqueItems: not supported"));
  EXPECT_THAT(refusal(R"({"type":"text"})"), HasSubstr("$: type: expected a type"));
  EXPECT_THAT(refusal(R"({"type":"string","format":"iri"})"), HasSubstr("format: iri is not supported"));
  EXPECT_THAT(refusal(R"({"type":"string","pattern":"(?=a)x"})"),
              HasSubstr("schema: $: pattern: regular expression"));
  EXPECT_THAT(refusal(R"({"$ref":"#/$defs/a"})"), HasSubstr("there is no #/$defs/a"));
  EXPECT_THAT(refusal(R"({"$ref":"http://example.org/a"})"), HasSubstr("not in this schema"));
  EXPECT_THAT(refusal(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})"), HasSubstr("say anyOf"));
  EXPECT_THAT(refusal(R"({"oneOf":[{"const":1},{"enum":[1.0,2]}]})"), HasSubstr("say anyOf"));
  EXPECT_THAT(refusal(R"({"enum":["a"],"minLength":2})"), HasSubstr("minLength: not supported beside"));
  EXPECT_THAT(refusal(R"({"allOf":[{"type":"object","properties":{"a":true},"additionalProperties":false},)"
                      R"({"properties":{"b":true}}]})"),
              HasSubstr("additionalProperties: cannot be merged with the property b"));
}

TEST(Schema, WhatNothingMatchesIsAnError) {
  EXPECT_THAT(refusal("false"), HasSubstr("no value can match"));
  EXPECT_THAT(refusal(R"({"type":"string","pattern":"^a{5}$","maxLength":3})"),
              HasSubstr("schema: $: no text can match"));
  EXPECT_THAT(refusal(R"({"type":"integer","minimum":0.2,"maximum":0.8})"), HasSubstr("no text can match"));
  EXPECT_THAT(refusal(R"({"type":"integer","minimum":3,"maximum":2})"), HasSubstr("no text can match"));
  EXPECT_THAT(refusal(R"({"type":"integer","minimum":-0.8,"maximum":-0.2})"), HasSubstr("no text can match"));
  EXPECT_THAT(refusal(R"({"type":"array","minItems":3,"maxItems":2})"), HasSubstr("minItems"));
  EXPECT_THAT(refusal(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
              HasSubstr("no finite text"));
  EXPECT_THAT(refusal(R"({"$ref":"#"})"), HasSubstr("no finite text"));
  EXPECT_THAT(refusal(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})"), HasSubstr("refers to itself"));
  EXPECT_THAT(refusal(R"({"allOf":[{"type":"string"},{"type":"number"}]})"), HasSubstr("no type is in both"));
}

TEST(Schema, WhatIsTooLargeIsAnError) {
  std::string laughs = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"}";
    laughs += "\"a" + std::to_string(i) + R"(":{"minLength":)" + std::to_string(i) + R"(,"anyOf":[)" + next +
              "," + next + "]},";
  }
  EXPECT_THAT(refusal(laughs + R"("a40":{"type":"string"}}})"), HasSubstr("too large"));
  EXPECT_THAT(refusal(R"({"minLength":1,"anyOf":[{"$ref":"#"}]})"), HasSubstr("refers to itself"));
  EXPECT_THAT(refusal(R"({"type":"string","pattern":"(a|b)*a(a|b){18}","maxLength":900})"),
              HasSubstr("too many states"));
}

}  // namespace
}  // namespace isobatch::grammar
