#include "engine/stop_matcher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace isobatch::engine {
namespace {

TEST(StopMatcher, WithoutStopsTextPassesThrough) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, HoldsBackWhatCouldBeginAStop) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("the E"), "the ");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("T"), "ENT");
  EXPECT_EQ(matcher.push(" EN"), " ");
  EXPECT_EQ(matcher.finish(), "EN");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, EndsBeforeAStopThatCrossesPieces) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("x E"), "x ");
  EXPECT_EQ(matcher.push("NDless"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, TheFirstCompleteStopWinsThenTheLongest) {
  StopMatcher first({"abcd", "bc"});
  EXPECT_EQ(first.push("xabcd"), "xa");
  StopMatcher longest({"c", "abc"});
  EXPECT_EQ(longest.push("xabc"), "x");
}

TEST(StopMatcher, HoldsBackARepeatedBeginning) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.push("aaa"), "a");
  EXPECT_EQ(matcher.push("b!"), "");
  EXPECT_TRUE(matcher.stopped());
}

RC_GTEST_PROP(StopMatcherProperty, HowTheTextIsCutMakesNoDifference, ()) {
  const auto letters = [] { return rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c')); };
  const auto stops = *rc::gen::container<std::vector<std::string>>(
      rc::gen::suchThat(letters(), [](const std::string& s) { return !s.empty() && s.size() < 6; }));
  const std::string text = *letters();
  // The stop that is complete first, and the longest of those.
  std::string expected = text;
  bool stopped = false;
  for (std::size_t end = 1; end <= text.size() && !stopped; ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    stopped = longest > 0;
    if (stopped) expected = text.substr(0, end - longest);
  }
  StopMatcher matcher(stops);
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto n = *rc::gen::inRange<std::size_t>(1, 5);
    out += matcher.push(std::string_view(text).substr(i, n));
    RC_ASSERT(expected.starts_with(out));
    i += n;
  }
  out += matcher.finish();
  RC_ASSERT(out == expected);
  RC_ASSERT(matcher.stopped() == stopped);
}

}  // namespace
}  // namespace isobatch::engine
