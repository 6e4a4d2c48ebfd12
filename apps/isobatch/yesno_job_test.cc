#include "yesno_job.h"

#include <gtest/gtest.h>

namespace isobatch::cli {
namespace {

Question question(bool yes) {
  Question question;
  question.yes = yes;
  return question;
}

Result answer(std::string text, std::vector<TokenId> tokens, std::uint64_t digest) {
  Result result;
  result.text = std::move(text);
  result.tokens = std::move(tokens);
  result.digest.low = digest;
  return result;
}

TEST(Yesno, FirstWordDecides) {
  EXPECT_TRUE(is_right(answer("Yes.", {}, 0), question(true)));
  EXPECT_TRUE(is_right(answer(" **no**, because yes", {}, 0), question(false)));
  EXPECT_FALSE(is_right(answer("Nobody", {}, 0), question(false)));
  EXPECT_FALSE(is_right(answer("The answer is yes", {}, 0), question(true)));
  EXPECT_FALSE(is_right(answer("", {}, 0), question(true)));
}

TEST(Yesno, SummaryComparesWithTheBase) {
  const std::vector<Question> questions = {question(true), question(true), question(false), question(false)};
  YesnoRun base;
  base.batch_size = 1;
  base.seconds = 4;
  base.results = {answer("Yes", {1}, 1), answer("No", {2}, 2), answer("No", {2, 3}, 3), answer("no", {4}, 4)};
  YesnoRun run = base;
  run.batch_size = 8;
  run.seconds = 2;
  run.stats.decode_rows = 30;
  run.stats.decode_steps = 10;
  run.stats.decode_seconds = 2;
  run.stats.drafted_tokens = 12;
  run.stats.accepted_tokens = 4;
  const YesnoSummary same = summarize(run, base, questions);
  EXPECT_EQ(same.batch_size, 8);
  EXPECT_EQ(same.rows_per_decode_step, 3);
  EXPECT_EQ(same.decode_tokens_per_second, 11);
  EXPECT_EQ(same.answers_per_second, 2);
  EXPECT_EQ(same.speed_up, 2);
  EXPECT_EQ(same.right_yes, 0.5);
  EXPECT_EQ(same.right_no, 1);
  EXPECT_EQ(same.mean_tokens, 1.25);
  EXPECT_EQ(same.different_answers, 0);
  EXPECT_TRUE(same.digests_equal);

  run.results[2] = answer("No", {2, 3}, 7);
  run.results[3] = answer("no", {5}, 4);
  const YesnoSummary other = summarize(run, base, questions);
  EXPECT_EQ(other.different_answers, 1);
  EXPECT_FALSE(other.digests_equal);
}

}  // namespace
}  // namespace isobatch::cli
