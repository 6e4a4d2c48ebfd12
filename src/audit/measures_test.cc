#include "audit/measures.h"

#include <gtest/gtest.h>

#include "isobatch/audit/audit.h"

namespace isobatch::audit {
namespace {

Answer answer(std::vector<TokenId> tokens, std::string text = "") {
  Answer a;
  a.tokens = std::move(tokens);
  a.text = std::move(text);
  return a;
}

Run run(std::vector<Answer> answers) {
  Run r;
  r.seconds.assign(answers.size(), 0.5);
  r.answers = std::move(answers);
  return r;
}

struct MeasuresTest : testing::Test {
  std::vector<Prompt> prompts{3};
  Measures measure_all(const audit::Run& a, const audit::Run& b) {
    std::vector<const Prompt*> all;
    for (std::size_t i = 0; i < a.answers.size(); ++i) all.push_back(&prompts[i]);
    return measure(all, a, b, compare_rows(a, b, all.size()));
  }
};

TEST_F(MeasuresTest, CountsAnswersThatDiffer) {
  const audit::Run a = run({answer({1, 2, 3}), answer({4, 5}), answer({6})});
  const audit::Run b = run({answer({1, 2, 3}), answer({4, 7, 8}), answer({9})});
  const Measures m = measure_all(a, b);
  EXPECT_EQ(m.differ.count, 2);
  EXPECT_EQ(m.differ.of, 3);
  EXPECT_EQ(m.first_token_differ.count, 1);
  EXPECT_EQ(m.median_first_difference, 0.5);
  EXPECT_DOUBLE_EQ(m.mean_length_reference, 2);
  EXPECT_DOUBLE_EQ(m.mean_length_changed, 7 / 3.0);
  EXPECT_DOUBLE_EQ(m.tokens_per_second_reference, 4);
  EXPECT_FALSE(m.logits);
  EXPECT_FALSE(m.accuracy);
}

TEST_F(MeasuresTest, AShorterAnswerDiffers) {
  EXPECT_EQ(first_difference(answer({1, 2}), answer({1})), 1);
  EXPECT_EQ(first_difference(answer({}, "Yes."), answer({}, "Yes")), 3);
  EXPECT_EQ(first_difference(answer({}, "Yes"), answer({}, "Yes")), -1);
}

TEST_F(MeasuresTest, LogitsCountUpToTheFirstOtherToken) {
  Answer a = answer({1, 0, 1}), b = answer({1, 1, 1});
  a.logits = {{0, 4}, {2, 1}, {0, 4}};
  b.logits = {{0, 4}, {2, 3}, {9, 9}};  // the third row follows another token
  const Measures m = measure_all(run({a}), run({b}));
  ASSERT_TRUE(m.logits);
  EXPECT_EQ(m.logits->rows, 2u);
  EXPECT_EQ(m.logits->rows_equal, 1u);
  EXPECT_EQ(m.logits->max_difference, 2);
  EXPECT_EQ(m.logits->first_step_max_relative, 0);
  EXPECT_GT(m.logits->later_step_max_relative, 1);
  EXPECT_EQ(m.logits->at_risk.count, 1);  // margin 1 against a noise of 2
  const auto points = compare_rows(run({a}), run({b}), 1);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_FALSE(points[0].flipped);
  EXPECT_TRUE(points[1].flipped);
  EXPECT_EQ(points[1].margin, 1);
}

TEST_F(MeasuresTest, AccuracyCountsPairs) {
  prompts[0].answer = "yes";
  prompts[1].answer = "no";
  const audit::Run a = run({answer({1}, "Yes, it is."), answer({2}, " No"), answer({3}, "x")});
  const audit::Run b = run({answer({1}, "yes"), answer({2}, "Nothing"), answer({3}, "y")});
  const Measures m = measure_all(a, b);
  ASSERT_TRUE(m.accuracy);
  EXPECT_EQ(m.accuracy->reference.of, 2);
  EXPECT_EQ(m.accuracy->reference.count, 2);
  EXPECT_EQ(m.accuracy->lost, 1);
  EXPECT_EQ(m.accuracy->gained, 0);
}

TEST_F(MeasuresTest, RightIsTheFirstWord) {
  EXPECT_TRUE(is_right("**Yes**, they do", "yes"));
  EXPECT_FALSE(is_right("Yesterday", "yes"));
  EXPECT_FALSE(is_right("", "yes"));
}

}  // namespace
}  // namespace isobatch::audit
