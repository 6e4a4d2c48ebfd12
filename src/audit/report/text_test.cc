#include <gmock/gmock.h>

#include <limits>
#include <sstream>

#include "audit/report/text_layout.h"
#include "audit/report/wording.h"
#include "isobatch/audit/render.h"
#include "tests/support/sample_report.h"

namespace isobatch::audit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Wording, Numbers) {
  const std::vector<std::pair<double, std::string>> cases = {
      {0, "0"},
      {-0.0, "0"},
      {1, "1"},
      {0.5, "0.5"},
      {0.0123456, "0.0123"},
      {0.00031, "3.1e-4"},
      {3e-7, "3e-7"},
      {12.34, "12.3"},
      {99.96, "100"},
      {123.4, "123"},
      {1234.5, "1,235"},
      {2.5e6, "2.5e6"},
      {-4.25, "−4.25"},
      {0.9996, "1"},
      {9.996, "10"},
      {std::numeric_limits<double>::infinity(), "∞"},
      {std::numeric_limits<double>::quiet_NaN(), "not a number"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(number(value), text) << value;
}

TEST(Wording, SharesAndDrifts) {
  EXPECT_EQ(share_text(test::sample_share(12, 40)), "12 of 40 (18–45 %)");
  EXPECT_EQ(share_text(test::sample_share(0, 40)), "0 of 40 (0–8.8 %)");
  EXPECT_EQ(share_text({}), "none compared");
  EXPECT_EQ(percent(0.0004), "<0.1 %");
  EXPECT_EQ(percent(0.9999), "99.9 %");
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(drift_text({-1.5, -2, -1}), "−1.5 (−2 to −1)");
  EXPECT_EQ(p_text(0.00001), "p < 0.001");
  EXPECT_EQ(duration_text(185), "3 min 5 s");
}

TEST(Wording, ADifferenceIsClaimedOnlyBeyondChance) {
  EngineInfo info;
  info.tokens = true;
  Comparison c;
  c.measures.differ = test::sample_share(3, 40);
  c.measures.length_drift = {2, -0.1, 4};
  c.measures.accuracy = Accuracy{test::sample_share(30, 40), test::sample_share(27, 40), 4, 1, 0.375};
  EXPECT_EQ(outcome_of(c, info).text, "3 of 40 (2.6–20 %)");
  EXPECT_THAT(outcome_of(c, info).notes, ElementsAre());
  c.measures.length_drift.low = 0.1;
  c.measures.accuracy->p_value = 0.049;
  EXPECT_THAT(outcome_of(c, info).notes, ElementsAre("length +2 tokens", "accuracy 75 % → 68 %"));
}

TEST(Wording, BitsEqualNeedsLogits) {
  Comparison c;
  c.measures.differ = test::sample_share(0, 40);
  EXPECT_EQ(outcome_of(c, {}).text, "0 of 40 (0–8.8 %)");
  c.measures.logits = LogitMeasures{};
  EXPECT_EQ(outcome_of(c, {}).kind, Outcome::Kind::same);  // no rows
  c.measures.logits->rows = c.measures.logits->rows_equal = 9;
  EXPECT_EQ(outcome_of(c, {}).text, "bits equal");
  c.error = "died";
  EXPECT_EQ(outcome_of(c, {}).text, "error");
  c.not_offered = "cannot";
  EXPECT_EQ(outcome_of(c, {}).text, "not offered");
}

TEST(Overview, EnginesOfOtherBasesShareARow) {
  const AuditReport report = test::sample_pair();
  const std::vector<OverviewRow> rows = overview(report);
  const auto find = [&rows](std::string_view change) {
    return *std::ranges::find_if(rows, [&](const OverviewRow& row) { return row.change == change; });
  };
  EXPECT_EQ(find("batch 1 → batch 16").outcomes[0].text, "bits equal");          // in native
  EXPECT_EQ(find("batch 1 → batch 16").outcomes[1].text, "1 of 40 (0.4–13 %)");  // in f32
  EXPECT_EQ(find("batch 1 → batch 16 (bf16)").outcomes[0].text, "not run");
  EXPECT_EQ(find("left → right").outcomes[0].text, "not offered");
  EXPECT_EQ(find("2 threads → 1 thread").outcomes[1].text, "not offered");
  EXPECT_EQ(rows.back().factor, Factor::dtype);  // what is asked comes last
}

TEST(TextLayout, WrapsByColumns) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrap("", 3), ElementsAre(""));
  EXPECT_THAT(wrap("水水水", 4), ElementsAre("水水", "水"));
  EXPECT_EQ(display_width("é水"), 3);
  EXPECT_EQ(plain_line("a\033[31mb\nc\xff"), "a?[31mb c?");
}

class TextWidth : public ::testing::TestWithParam<int> {};
TEST_P(TextWidth, LinesFitAndNothingIsLost) {
  for (const AuditReport& report : {test::sample_report(), test::sample_pair()}) {
    const std::string text = to_text(report, GetParam(), false);
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      EXPECT_LE(display_width(line), GetParam()) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
    for (const EngineReport& engine : report.engines) {
      EXPECT_THAT(text, HasSubstr(engine.info.name));
      for (const Verdict& verdict : engine.verdicts)
        EXPECT_THAT(text, HasSubstr(std::string(name_of(verdict.kind))));
    }
    EXPECT_THAT(text, HasSubstr("not offered"));
  }
}
INSTANTIATE_TEST_SUITE_P(Widths, TextWidth, ::testing::Values(40, 60, 80, 100, 132, 200));

TEST(Text, OneEngineShowsItsMeasuresAsFarAsTheyFit) {
  AuditReport report = test::sample_pair();
  report.engines.erase(report.engines.begin());
  EXPECT_THAT(to_text(report, 200, false),
              AllOf(HasSubstr("at risk"), HasSubstr("tokens/s"), HasSubstr("33 → 32")));
  EXPECT_THAT(to_text(report, 60, false), Not(HasSubstr("at risk")));
}

TEST(Text, ColorsOnlyWhenAsked) {
  EXPECT_THAT(to_text(test::sample_report(), 100, false), Not(HasSubstr("\033")));
  EXPECT_THAT(to_text(test::sample_report(), 100, true), HasSubstr("\033[1;31m"));
}

TEST(Text, AnEmptyReportIsShown) { EXPECT_THAT(to_text({}, 80, false), HasSubstr("no engine")); }

}  // namespace
}  // namespace isobatch::audit
