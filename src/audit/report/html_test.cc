#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <regex>
#include <set>

#include "audit/report/plots.h"
#include "audit/report/svg.h"
#include "isobatch/audit/render.h"
#include "tests/support/sample_report.h"

namespace isobatch::audit {
namespace {

using ::testing::IsEmpty;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// A page is too long to be shown when a test fails.
bool has(const std::string& page, const std::string& part) { return page.find(part) != std::string::npos; }

// Every element that is opened is closed, in order; values of attributes are quoted.
void expect_well_formed(const std::string& page) {
  static const std::set<std::string> kEmpty = {"meta", "link", "br", "line", "rect", "circle", "path"};
  std::vector<std::string> open;
  const std::string body = std::regex_replace(page, std::regex("<style>[^<]*</style>"), "");
  for (std::size_t at = body.find('<'); at != std::string::npos; at = body.find('<', at + 1)) {
    const std::size_t end = body.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = body.substr(at + 1, end - at - 1);
    if (tag.starts_with('!')) continue;
    const bool closes = tag.starts_with('/');
    const std::string name = tag.substr(closes, tag.find_first_of(" /", closes) - closes);
    if (closes) {
      ASSERT_FALSE(open.empty()) << tag;
      ASSERT_EQ(open.back(), name) << body.substr(at > 200 ? at - 200 : 0, 260);
      open.pop_back();
    } else if (!tag.ends_with('/') && !kEmpty.contains(name)) {
      open.push_back(name);
    }
    ASSERT_EQ(count(tag, "\"") % 2, 0u) << tag;
  }
  EXPECT_THAT(open, IsEmpty());
}

TEST(Html, IsWellFormedAndComplete) {
  const std::string page = to_html(test::sample_report());
  expect_well_formed(page);
  for (const char* id : {"verdicts", "overview", "plots", "growth", "examples", "measures", "repeat"}) {
    EXPECT_TRUE(has(page, "<section id=\"" + std::string(id) + "\"")) << id;
  }
  for (const char* id : {"flips-0", "speed-0", "lengths-1", "noise-1", "growth-1-0"}) {
    EXPECT_TRUE(has(page, "id=\"" + std::string(id) + "-title\"")) << id;
  }
  EXPECT_FALSE(has(page, "nan"));
  for (const EngineReport& engine : test::sample_report().engines) {
    for (const Verdict& verdict : engine.verdicts) EXPECT_TRUE(has(page, escape(verdict.sentence)));
  }
}

TEST(Html, LoadsAndRunsNothing) {
  const std::string page = to_html(test::sample_report());
  for (const char* part : {"<script", "src=", "@import", "url(", "<iframe", "<img", "javascript:"}) {
    EXPECT_FALSE(has(page, part)) << part;
  }
  EXPECT_EQ(count(page, "href="), count(page, "href=\"data:,\"") + count(page, "href=\"#"));
}

// A report whose every text is `text`.
AuditReport hostile(const std::string& text) {
  AuditReport report = test::sample_pair();
  report.command = report.machine = report.created = report.isobatch_version = report.prompts_name = text;
  report.prompts_hash = text;
  report.options = {{text, text}};
  for (EngineReport& engine : report.engines) {
    engine.info.name = engine.info.version = engine.info.model = engine.error = text;
    engine.info.dtypes = engine.info.kv_dtypes = {text};
    engine.info.details = {{text, text}};
    for (Comparison& c : engine.comparisons) {
      c.reference = c.changed = c.conditions = text;
      if (!c.not_offered.empty()) c.not_offered = text;
    }
    engine.comparisons.back().error = text;
    for (Verdict& verdict : engine.verdicts) {
      verdict.sentence = verdict.advice = text;
      verdict.evidence = {text};
    }
    for (LengthDistribution& lengths : engine.lengths) lengths.label = text;
    engine.examples = {{text, text, Factor::rerun, text, text, text, text, 3}};
    for (TraceComparison& trace : engine.traces) {
      trace.a = trace.b = text;
      if (trace.first) trace.first->op = text;
    }
  }
  return report;
}

TEST(Html, TextStaysText) {
  Judgement judgement;
  judgement.gated = true;
  const std::string bad = "</title></style><script>alert(1)</script>\" onload='x' & <b>";
  judgement.failures = {bad};
  judgement.baseline = BaselineComparison{bad, {bad}, {{BaselineChange::Direction::worse, bad, bad}}, 1};
  const std::string page = to_html(hostile(bad), judgement);
  expect_well_formed(page);
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "<b>\""));
  EXPECT_GT(count(page, "&lt;script&gt;"), 40u);
  EXPECT_EQ(escape(std::string_view("a\0b\x1b\xff<&>\"'\n", 11)),
            "a\uFFFDb\uFFFD\uFFFD&lt;&amp;&gt;&quot;&#39;\n");
}

TEST(Html, TheFirstDifferenceIsMarkedByCharacters) {
  const std::string page = to_html(test::sample_report());
  EXPECT_TRUE(has(page, "はい、<mark>水です。</mark>"));
  EXPECT_TRUE(has(page, "No, it is an ocean<mark class=\"end\">ends here</mark>"));
  EXPECT_TRUE(has(page, "Yes, cows <mark>do.</mark> They"));
}

TEST(Html, SingleValuesZerosAndInfinitiesAreDrawn) {
  AuditReport report;
  report.engines.resize(7);  // more than there are colors
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (EngineReport& engine : report.engines) {
    engine.info.name = "e";
    Comparison c;
    c.factor = Factor::batch_size;
    c.measures.differ = {1, 1, nan, infinity};
    c.measures.tokens_per_second_changed = infinity;
    c.measures.tokens_per_second_reference = nan;
    c.measures.logits = LogitMeasures{.rows = 2, .median_relative = nan, .max_relative = infinity};
    engine.comparisons = {c};
    engine.lengths = {{"none", {}}, {"one", {0}}, {"far", {2147483647, -5}}};
    engine.noise = {{0, 0, false, Factor::rerun},
                    {static_cast<float>(infinity), std::nanf(""), true, Factor::rerun},
                    {1e-45f, 3e38f, false, Factor::rerun}};
    GrowthPoint point{"logits", -1, 3, infinity, nan, infinity, false};
    engine.traces.resize(2);
    engine.traces[0].first = engine.traces[0].jump = point;
    engine.traces[0].growth = {point};
  }
  const std::string page = to_html(report);
  expect_well_formed(page);
  EXPECT_FALSE(has(page, "\"nan"));
  EXPECT_FALSE(has(page, "\"inf"));
  EXPECT_FALSE(has(page, "\"-inf"));
}

TEST(Html, AnEmptyReportIsAPage) {
  const std::string page = to_html({});
  expect_well_formed(page);
  EXPECT_TRUE(has(page, "No engine was audited."));
  EXPECT_FALSE(has(page, "<svg"));
}

TEST(Html, GateAndBaselineHaveTheirSections) {
  Judgement judgement;
  EXPECT_FALSE(has(to_html(test::sample_pair(), judgement), "id=\"gate\""));
  judgement.gated = true;
  EXPECT_TRUE(has(to_html(test::sample_pair(), judgement), "Passed"));
  judgement.baseline = compare_with_baseline(test::sample_pair(), test::sample_pair());
  EXPECT_TRUE(has(to_html(test::sample_pair(), judgement), "Nothing changed."));
}

TEST(Scale, LinearOnesAreRound) {
  EXPECT_EQ(linear_scale(43, 100, 0).most, 50);
  EXPECT_EQ(linear_scale(0, 100, 0).most, 1);
  EXPECT_EQ(linear_scale(std::nan(""), 100, 0).most, 1);
  EXPECT_EQ(linear_scale(43, 100, 0)(25), 50);
  EXPECT_EQ(ticks_of(linear_scale(43, 100, 0), 5).size(), 6u);
  EXPECT_EQ(ticks_of(linear_scale(43, 100, 0), 5)[5].label, "50");
}

TEST(Scale, LogOnesHaveAPlaceForZero) {
  const Scale scale = log_scale({0, 0.02, 30, std::numeric_limits<double>::infinity()}, 0, 40, 10);
  EXPECT_EQ(scale.least, 0.01);
  EXPECT_EQ(scale.most, 100);
  EXPECT_EQ(scale(0), -10);
  EXPECT_EQ(scale(1), 20);
  EXPECT_EQ(scale(1e9), 40);
  EXPECT_EQ(log_scale({}, 0, 1, 1).most, 10);
  EXPECT_EQ(log_scale({0, 0}, 0, 1, 1)(0), -1);
  EXPECT_LE(ticks_of(log_scale({1e-300, 1e300}, 0, 1, 1), 6).size(), 601u);
}

TEST(Spread, MovesLabelsApart) {
  std::vector<double> positions = {10, 10, 12, 100};
  spread(positions, 14, 0, 100);
  EXPECT_EQ(positions, (std::vector<double>{10, 24, 38, 100}));
  positions = {99, 100, 100};
  spread(positions, 14, 0, 100);
  EXPECT_EQ(positions, (std::vector<double>{72, 86, 100}));
}

TEST(Shortened, CutsByCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "ab…");
  EXPECT_EQ(shortened("水水水水", 3), "水水…");
}

}  // namespace
}  // namespace isobatch::audit
