#include <gmock/gmock.h>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

using ::testing::HasSubstr;

BatchLine with(const std::string& fields) {
  return parse_batch_line(R"({"messages":[{"role":"user","content":"hi"}],)" + fields + "}", 1, {});
}

Constraint constraint(const std::string& fields) {
  const BatchLine line = with(fields);
  EXPECT_EQ(line.error, "");
  return line.request.constraint;
}

Constraint schema(const char* text) { return {.schema = std::make_shared<const Value>(parse_value(text))}; }

TEST(ConstraintFields, OpenAis) {
  EXPECT_TRUE(constraint(R"("response_format":{"type":"text"})").none());
  EXPECT_EQ(constraint(R"("response_format":{"type":"json_object"})"), schema(R"({"type":"object"})"));
  EXPECT_EQ(constraint(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,)"
                       R"("schema":{"properties":{"b":true,"a":false}}}})"),
            schema(R"({"properties":{"b":true,"a":false}})"));
}

TEST(ConstraintFields, VLlms) {
  EXPECT_EQ(constraint(R"("structured_outputs":{"regex":"a+"})"), (Constraint{.regex = "a+"}));
  EXPECT_EQ(constraint(R"("structured_outputs":{"choice":["a","b"]})"), (Constraint{.choices = {"a", "b"}}));
  EXPECT_EQ(constraint(R"("structured_outputs":{"json":"{\"type\":\"null\"}"})"),
            schema(R"({"type":"null"})"));
  EXPECT_EQ(constraint(R"("structured_outputs":{"json_object":true})"), schema(R"({"type":"object"})"));
  EXPECT_EQ(constraint(R"("guided_json":{"type":"null"})"), schema(R"({"type":"null"})"));
  EXPECT_EQ(constraint(R"("guided_regex":"b")"), (Constraint{.regex = "b"}));
  EXPECT_EQ(constraint(R"("guided_choice":["x"])"), (Constraint{.choices = {"x"}}));
}

TEST(ConstraintFields, AreReadInAWrappedBody) {
  const BatchLine line = parse_batch_line(
      R"({"custom_id":"a","method":"POST","url":"/v1/completions","body":{"prompt":"p","guided_json":{"z":1,"a":2}}})",
      1, {});
  ASSERT_EQ(line.error, "");
  EXPECT_EQ(line.request.constraint, schema(R"({"z":1,"a":2})"));
}

TEST(ConstraintFields, TheOrderOfKeysIsKept) {
  const Constraint z_first = constraint(R"("guided_json":{"properties":{"z":true,"a":true}})");
  EXPECT_FALSE(z_first == schema(R"({"properties":{"a":true,"z":true}})"));
  Request request;
  request.constraint = z_first;
  EXPECT_EQ(describe_options(request, 1),
            R"({"structured_outputs":{"json":{"properties":{"z":true,"a":true}}}})");
}

TEST(ConstraintFields, ALineOverridesTheDefault) {
  Request defaults;
  defaults.constraint.regex = "a";
  const auto line = [&](const char* text) { return parse_batch_line(text, 1, defaults).request.constraint; };
  EXPECT_EQ(line(R"({"prompt":"p"})").regex, "a");
  EXPECT_TRUE(line(R"({"prompt":"p","response_format":{"type":"text"}})").none());
  EXPECT_EQ(line(R"({"prompt":"p","guided_choice":["b"]})"), (Constraint{.choices = {"b"}}));
}

TEST(ConstraintFields, WhatMakesNoSenseIsAnError) {
  EXPECT_THAT(with(R"("response_format":{"type":"xml"})").error,
              HasSubstr("response_format.type: expected text,"));
  EXPECT_THAT(with(R"("response_format":{"type":"json_schema"})").error,
              HasSubstr("response_format.json_schema is missing"));
  EXPECT_THAT(with(R"("response_format":{"type":"json_schema","json_schema":{"schema":3}})").error,
              HasSubstr("expected a JSON schema, got 3"));
  EXPECT_THAT(with(R"("structured_outputs":{"grammar":"root ::= a"})").error,
              HasSubstr("structured_outputs.\"grammar\": unknown"));
  EXPECT_THAT(with(R"("structured_outputs":{"regex":"a","choice":["b"]})").error, HasSubstr("one of json"));
  EXPECT_THAT(with(R"("guided_regex":"a","guided_choice":["b"])").error,
              HasSubstr("none beside guided_regex"));
  EXPECT_THAT(with(R"("guided_choice":["b",""])").error, HasSubstr("none of them empty"));
  EXPECT_THAT(with(R"("guided_json":"{")").error, HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace isobatch::openai
