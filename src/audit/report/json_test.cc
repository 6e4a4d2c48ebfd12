#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "isobatch/audit/render.h"
#include "isobatch/error.h"
#include "tests/support/sample_report.h"

namespace isobatch::audit {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::string message_of(const std::string& json) {
  try {
    report_from_json(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ReportJson, ReadBackItIsTheSame) {
  const std::string json = to_json(test::sample_report());
  const AuditReport read = report_from_json(json);
  EXPECT_EQ(to_json(read), json);
  ASSERT_EQ(read.engines.size(), 6u);
  EXPECT_EQ(read.seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read.engines[2].verdicts[0].kind, VerdictKind::mask_fault);
  EXPECT_EQ(read.engines[1].noise[1].noise, test::sample_report().engines[1].noise[1].noise);
  EXPECT_FALSE(read.engines[4].comparisons[0].measures.logits);
  EXPECT_TRUE(read.engines[0].info.factors.contains(Factor::prefix_cache));
}

TEST(ReportJson, NumbersHaveTheFewestDigits) {
  AuditReport report;
  report.engines.resize(1);
  report.engines[0].seconds = 0.1;
  report.engines[0].noise = {{0.1f, 16777216.0f, false, Factor::rerun}};
  const Json json = Json::parse(to_json(report));
  EXPECT_EQ(json["engines"][0]["seconds"].dump(), "0.1");
  EXPECT_EQ(json["engines"][0]["noise"][0]["noise"].dump(), "0.1");
}

TEST(ReportJson, EveryFloatComesBack) {
  AuditReport report;
  report.engines.resize(1);
  std::uint32_t bits = 1;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    const float value = std::bit_cast<float>(bits);
    if (std::isfinite(value)) report.engines[0].noise.push_back({value, 0, false, Factor::rerun});
  }
  const AuditReport read = report_from_json(to_json(report));
  for (std::size_t i = 0; i < read.engines[0].noise.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(read.engines[0].noise[i].noise),
              std::bit_cast<std::uint32_t>(report.engines[0].noise[i].noise));
  }
}

TEST(ReportJson, WhatIsNoNumberIsNullAndInfinityAWord) {
  AuditReport report;
  report.engines.resize(1);
  const double infinity = std::numeric_limits<double>::infinity();
  report.engines[0].seconds = std::nan("");
  report.engines[0].noise = {{std::nanf(""), -std::numeric_limits<float>::infinity(), true, Factor::rerun}};
  report.engines[0].comparisons.resize(1);
  report.engines[0].comparisons[0].measures.median_first_difference = infinity;
  const std::string json = to_json(report);
  EXPECT_TRUE(Json::parse(json)["engines"][0]["seconds"].is_null());
  const AuditReport read = report_from_json(json);
  EXPECT_TRUE(std::isnan(read.engines[0].seconds));
  EXPECT_TRUE(std::isnan(read.engines[0].noise[0].noise));
  EXPECT_LT(read.engines[0].noise[0].margin, -1e38f);
  EXPECT_EQ(read.engines[0].comparisons[0].measures.median_first_difference, infinity);
}

TEST(ReportJson, BytesThatAreNoUtf8BecomeReplacements) {
  AuditReport report;
  report.command =
      "a\xff"
      "b";
  EXPECT_EQ(report_from_json(to_json(report)).command, "a\uFFFDb");
}

TEST(ReportJson, AWrongFieldIsNamed) {
  const auto with = [](const auto& change) {
    Json json = Json::parse(to_json(test::sample_report()));
    change(json);
    return message_of(json.dump());
  };
  EXPECT_THAT(message_of("{"), HasSubstr("audit report: not valid JSON"));
  EXPECT_THAT(message_of("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(message_of("{}"), HasSubstr("version: expected 1, got 0"));
  EXPECT_THAT(with([](Json& j) { j["version"] = 2; }), HasSubstr("version: expected 1, got 2"));
  EXPECT_THAT(with([](Json& j) { j["prompts"] = "many"; }), HasSubstr("prompts: expected an integer"));
  EXPECT_THAT(with([](Json& j) { j["prompts"] = 1e10; }), HasSubstr("prompts: expected an integer"));
  EXPECT_THAT(with([](Json& j) { j["seed"] = -1; }), HasSubstr("seed: expected an integer of at least 0"));
  EXPECT_THAT(with([](Json& j) { j["engines"][1]["verdicts"][0]["kind"] = "magic"; }),
              HasSubstr("engines[1].verdicts[0].kind: expected the key of a verdict, got \"magic\""));
  EXPECT_THAT(with([](Json& j) { j["engines"][0]["info"]["factors"][0] = 3; }),
              HasSubstr("engines[0].info.factors[0]: expected the key of a factor"));
  EXPECT_THAT(with([](Json& j) { j["engines"][0]["comparisons"][0]["measures"]["differ"]["low"] = "0"; }),
              HasSubstr("engines[0].comparisons[0].measures.differ.low: expected a number"));
  EXPECT_THAT(with([](Json& j) { j["options"][0] = {"one"}; }),
              HasSubstr("options[0]: expected a list of two"));
}

TEST(ReportJson, MissingFieldsKeepTheirDefaultsAndUnknownOnesAreSkipped) {
  const AuditReport report =
      report_from_json(R"({"version":1,"engines":[{"info":{"name":"x"},"mood":"good"}]})");
  ASSERT_EQ(report.engines.size(), 1u);
  EXPECT_EQ(report.engines[0].info.name, "x");
}

}  // namespace
}  // namespace isobatch::audit
