#include "isobatch/audit/gate.h"

#include <gmock/gmock.h>

#include "isobatch/error.h"
#include "tests/support/sample_report.h"

namespace isobatch::audit {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> failures_of(const AuditReport& report, std::string_view rule) {
  return failures(report, std::vector{parse_fail_rule(rule)});
}

AuditReport of_engine(std::size_t index) {
  AuditReport report = test::sample_report();
  report.engines = {report.engines[index]};
  return report;
}

TEST(FailRule, IsReadOrRefused) {
  EXPECT_EQ(parse_fail_rule("flips>0").limit, 0);
  EXPECT_FALSE(parse_fail_rule("flips>12").percent);
  EXPECT_EQ(parse_fail_rule("flips>2.5%").limit, 2.5);
  EXPECT_TRUE(parse_fail_rule("flips>2.5%").percent);
  EXPECT_EQ(parse_fail_rule("worse").kind, FailRule::Kind::worse);
  for (const char* text :
       {"", "flips", "flips>", "flips>x", "flips>-1", "flips>%", "flips>5 %", "flips>nan", "bugs"}) {
    EXPECT_THROW(parse_fail_rule(text), Error) << text;
  }
}

TEST(Gate, OpensForACleanEngineAndWhatIsAskedDoesNotCount) {
  EXPECT_THAT(failures_of(of_engine(0), "flips>0"), IsEmpty());  // though its dtype changes 3 answers
  EXPECT_THAT(failures_of(of_engine(0), "bug"), IsEmpty());
  EXPECT_THAT(failures_of(of_engine(0), "drift"), IsEmpty());
}

TEST(Gate, RoundingBreaksFlipsOnly) {
  EXPECT_THAT(failures_of(of_engine(1), "flips>0"), SizeIs(7));
  EXPECT_THAT(failures_of(of_engine(1), "flips>25%"),
              ElementsAre(HasSubstr("padded: batch size, batch 1 → batch 16 (bf16): 11 of 40 (16–43 %)")));
  EXPECT_THAT(failures_of(of_engine(1), "flips>11"), IsEmpty());
  EXPECT_THAT(failures_of(of_engine(1), "bug"), IsEmpty());
  EXPECT_THAT(failures_of(of_engine(1), "drift"), IsEmpty());
}

TEST(Gate, FaultsBreakBugAndDrift) {
  EXPECT_THAT(failures_of(of_engine(2), "bug"), Contains(HasSubstr("hf: mask fault: Padding is seen")));
  EXPECT_THAT(failures_of(of_engine(2), "drift"),
              Contains(HasSubstr("length drifts by +9.8 (+8.1 to +11.6)")));
  EXPECT_THAT(failures_of(of_engine(2), "drift"), Contains(HasSubstr("right answers 33 → 17, p < 0.001")));
}

TEST(Gate, WhatWasNotMeasuredDoesNotOpenIt) {
  EXPECT_THAT(failures_of(of_engine(2), "flips>100%"), ElementsAre(HasSubstr("signal 9")));
  EXPECT_THAT(failures_of(of_engine(5), "bug"), ElementsAre(HasSubstr("openvino: could not be audited")));
  EXPECT_THAT(failures_of(AuditReport{}, "bug"), ElementsAre("no engine was audited"));
  AuditReport nothing = of_engine(0);
  nothing.engines[0].comparisons.clear();
  EXPECT_THAT(failures_of(nothing, "bug"), ElementsAre("isobatch: nothing was measured"));
  EXPECT_THAT(failures(AuditReport{}, {}), IsEmpty());  // without rules there is no gate
}

TEST(Baseline, TheSameAuditHasNotChanged) {
  const AuditReport report = test::sample_report();
  const BaselineComparison result = compare_with_baseline(report, report);
  EXPECT_THAT(result.changes, IsEmpty());
  EXPECT_THAT(result.conditions, IsEmpty());
  EXPECT_GT(result.compared, 30);
}

std::vector<std::string> lines(const BaselineComparison& result) {
  std::vector<std::string> lines;
  for (const BaselineChange& change : result.changes) {
    lines.push_back((change.direction == BaselineChange::Direction::worse ? "worse " : "") + change.what);
  }
  return lines;
}

TEST(Baseline, SaysWhatIsWorseBeyondItsInterval) {
  const AuditReport before = of_engine(0);
  AuditReport now = before;
  Measures& within = now.engines[0].comparisons[1].measures;
  within.differ =
      test::sample_share(2, 40);  // its interval overlaps that of 0 of 40; its bits are other bits
  Measures& beyond = now.engines[0].comparisons[2].measures;
  beyond.differ = test::sample_share(12, 40);
  beyond.logits.reset();
  beyond.length_drift = {3, 2, 4};
  const BaselineComparison result = compare_with_baseline(now, before);
  EXPECT_THAT(
      lines(result),
      ElementsAre(
          HasSubstr("worse batch size, batch 1 → batch 4 (native): bits were equal and no longer are"),
          HasSubstr("batch 8 (native): 12 of 40 (18–45 %) answers differ, was 0 of 40 (0–8.8 %)"),
          HasSubstr("batch 8 (native): length drifts by +3 (+2 to +4), was 0 (0 to 0)")));
  const std::vector<FailRule> rules = {parse_fail_rule("worse")};
  EXPECT_THAT(failures(now, rules, &result), SizeIs(3));
  EXPECT_THAT(lines(compare_with_baseline(before, now)), Not(Contains(HasSubstr("worse"))));
  EXPECT_THROW(failures(now, rules), Error);
}

TEST(Baseline, VerdictsFailuresAndConditionsAreNamed) {
  const AuditReport before = of_engine(0);
  AuditReport now = before;
  now.prompts_hash = "other";
  now.engines[0].info.version = "0.2.0";
  now.engines[0].verdicts[0].kind = VerdictKind::cache_fault;
  now.engines[0].comparisons[0].error = "it died";
  now.engines.push_back(test::sample_report().engines[1]);
  const BaselineComparison result = compare_with_baseline(now, before);
  EXPECT_THAT(lines(result), ElementsAre("worse verdict “cache fault” is new", HasSubstr("fails: it died")));
  EXPECT_THAT(result.conditions,
              ElementsAre(HasSubstr("prompts' hash: other, was 9f86"), HasSubstr("isobatch version: 0.2.0"),
                          "padded is not in the baseline"));
}

}  // namespace
}  // namespace isobatch::audit
