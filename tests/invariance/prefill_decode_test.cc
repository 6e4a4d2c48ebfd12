// Prefill = decode: scoring a finished text in one pass gives the log-probabilities that were seen while it
// was generated, bit for bit.
#include <gtest/gtest.h>

#include <bit>

#include "tests/invariance/generate.h"
#include "tests/invariance/property.h"

namespace isobatch::invariance {
namespace {

// The text of `generated`, to be scored: all of it, or what was generated alone.
Request scoring(const Request& request, const Result& generated) {
  Request scoring;
  scoring.prompt = request.prompt;
  scoring.prompt.insert(scoring.prompt.end(), generated.tokens.begin(), generated.tokens.end());
  scoring.max_tokens = *rc::gen::element(0, 1);
  scoring.prompt_logprobs = true;
  if (*rc::gen::arbitrary<bool>()) scoring.scored_from = static_cast<int>(request.prompt.size());
  // A request that failed at once has no token to score.
  if (scoring.scored_from == static_cast<int>(scoring.prompt.size()) || scoring.prompt.size() < 2) {
    scoring.max_tokens = 1;
  }
  return scoring;
}

// Generates a text in some company and scores it in other company. Returns how many tokens were compared.
int compare(Harness& harness, const Choices& choices) {
  Scenario generating = draw_scenario(choices);
  for (Arrival& arrival : generating.arrivals) arrival.request.logprobs = true;
  const std::vector<Result> generated = harness.run(generating);
  Scenario scored{generating.model, {}, *rc::gen::elementOf(choices.tables), {}};
  scored.tuning.threads = pick(1, 5);
  scored.tuning.max_step_rows = *rc::gen::element(3, 32, 50, 512);
  for (std::size_t i = 0; i < generated.size(); ++i) {
    scored.arrivals.push_back({scoring(generating.arrivals[i].request, generated[i])});
  }
  const std::vector<Result> scores = harness.run(scored);
  int compared = 0;
  for (std::size_t i = 0; i < generated.size(); ++i) {
    const Request& request = generating.arrivals[i].request;
    const std::size_t first = request.prompt.size() - scored.arrivals[i].request.scored_from;
    RC_ASSERT(scores[i].prompt_logprobs.size() == first + generated[i].tokens.size());
    for (std::size_t t = 0; t < generated[i].logprobs.size(); ++t, ++compared) {
      RC_ASSERT(std::bit_cast<std::uint32_t>(scores[i].prompt_logprobs[first + t]) ==
                std::bit_cast<std::uint32_t>(generated[i].logprobs[t]));
      const Sampling& sampling = request.sampling;
      const bool greedy = sampling.temperature == 0 && !sampling.penalizes() && sampling.logit_bias.empty() &&
                          request.min_tokens == 0 && request.constraint.none();
      if (greedy) RC_ASSERT(scores[i].prompt_greedy[first + t] == 1);
    }
  }
  return compared;
}

int expect_scores_as_generated(int cases, const Choices& choices) {
  Harness harness;
  int compared = 0;
  expect_holds(cases, [&] { compared += compare(harness, choices); });
  std::cout << compared << " log-probabilities compared; " << harness.statistics() << std::endl;
  return compared;
}

TEST(PrefillDecode, ATextIsScoredAsItWasGenerated) {
  EXPECT_GT(expect_scores_as_generated(60, {.model = draw_random_model, .max_requests = 6}), 100);
}

class OfTheDefaultModel : public testing::TestWithParam<DType> {};

TEST_P(OfTheDefaultModel, ATextIsScoredAsItWasGenerated) {
  const DType dtype = GetParam();
  if (!default_model(dtype)) GTEST_SKIP() << "the default model's file is not in the cache";
  Choices choices{.model = [=] { return default_model(dtype); },
                  .max_requests = 3,
                  .max_prompt = 70,
                  .max_new_tokens = 16};
  std::erase(choices.tables, &kernels::ref_table());  // it would take minutes
  if (choices.tables.empty()) GTEST_SKIP() << "no table but ref runs on this machine";
  EXPECT_GT(expect_scores_as_generated(4, choices), 0);
}

INSTANTIATE_TEST_SUITE_P(PrefillDecode, OfTheDefaultModel,
                         testing::Values(DType::native, DType::native8, DType::bf16),
                         [](const auto& info) { return dtype_name(info.param); });

}  // namespace
}  // namespace isobatch::invariance
