#include "sample/sampler.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "isobatch/error.h"
#include "numerics/exp.h"
#include "numerics/sum.h"
#include "sample/philox.h"

namespace isobatch::sample {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

int argmax(const float* x, int n) {
  int best = -1;
  for (int i = 0; i < n; ++i) {
    if (!std::isnan(x[i]) && (best < 0 || x[i] > x[best])) best = i;
  }
  return best;
}

const kernels::KernelTable& table() {
  static const kernels::KernelTable result = [] {
    kernels::KernelTable t{};
    t.argmax = argmax;
    return t;
  }();
  return result;
}

TokenId choose(std::vector<float> logits, const Sampling& sampling, std::uint64_t position = 1,
               const History& history = {}, std::span<const TokenId> banned = {}) {
  return Sampler(static_cast<int>(logits.size()))
      .choose(logits, sampling, history, position, {banned}, table());
}

// The tokens that are ever chosen, with their counts.
std::map<TokenId, int> tally(const std::vector<float>& logits, Sampling sampling, int draws = 2000) {
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[choose(logits, sampling, i)];
  return counts;
}

std::vector<TokenId> tokens(const std::map<TokenId, int>& counts) {
  std::vector<TokenId> result;
  for (const auto& [token, count] : counts) result.push_back(token);
  return result;
}

// N-ADJUST word by word, counting anew for each token.
std::vector<float> adjusted_by_definition(std::vector<float> logits, const Sampling& s,
                                          const std::vector<TokenId>& prompt,
                                          const std::vector<TokenId>& generated,
                                          const std::vector<TokenId>& banned) {
  for (TokenId t = 0; t < static_cast<TokenId>(logits.size()); ++t) {
    float& l = logits[t];
    const auto c = std::ranges::count(generated, t);
    if (c > 0 || std::ranges::count(prompt, t) > 0)
      l = l < 0 ? l * s.repetition_penalty : l / s.repetition_penalty;
    if (c > 0) {
      const float product = static_cast<float>(c) * s.frequency_penalty;
      l = l - product;
      l = l - s.presence_penalty;
    }
    for (const TokenBias& b : s.logit_bias) {
      if (b.token == t) l = l + b.bias;
    }
    if (std::ranges::count(banned, t) > 0) l = kNan;
  }
  return logits;
}

// N-SAMPLE word by word, with a full sort and no regard for speed.
TokenId by_definition(const std::vector<float>& logits, const Sampling& s, std::uint64_t position) {
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(logits.size()); ++i) {
    if (!std::isnan(logits[i])) order.push_back(i);
  }
  if (order.empty()) return -1;
  std::ranges::stable_sort(order, [&](int a, int b) { return logits[a] > logits[b]; });
  if (s.temperature == 0) return order[0];
  if (s.top_k > 0 && s.top_k < static_cast<int>(order.size())) order.resize(s.top_k);
  const auto weight = [&](int i) {
    return logits[i] == logits[order[0]] ? 1.0f
                                         : numerics::exp((logits[i] - logits[order[0]]) / s.temperature);
  };
  const auto total = [&](std::vector<int> ids) {
    std::ranges::sort(ids);
    std::vector<float> w;
    for (int i : ids) w.push_back(weight(i));
    return numerics::sum(w.data(), w.size());
  };
  if (s.top_p < 1) {
    const float threshold = s.top_p * total(order);
    float running = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      running += weight(order[i]);
      if (running >= threshold) order.resize(i + 1);
    }
  }
  std::vector<int> kept;
  for (int i : order) {
    if (weight(i) >= s.min_p) kept.push_back(i);
  }
  std::ranges::sort(kept);
  const float threshold = uniform(s.seed, s.choice, position) * total(kept);
  float running = 0;
  TokenId last = -1;
  for (int i : kept) {
    running += weight(i);
    if (weight(i) > 0) last = i;
    if (running > threshold) return i;
  }
  return last;
}

TEST(Sampler, GreedyTakesTheSmallestIdOfTheGreatest) {
  EXPECT_EQ(choose({1, 3, 3, 2}, {}), 1);
  EXPECT_EQ(choose({kNan, -1, kNan}, {}), 1);
}

TEST(Sampler, ARowOfNothingButNanGivesNoToken) {
  EXPECT_EQ(choose({kNan, kNan}, {}), -1);
  EXPECT_EQ(choose({kNan, kNan}, {.temperature = 1}), -1);
}

TEST(Sampler, NanIsNeverChosen) {
  EXPECT_EQ(tokens(tally({0, kNan, 0}, {.temperature = 1})), (std::vector<TokenId>{0, 2}));
}

TEST(Sampler, InfiniteLogits) {
  EXPECT_EQ(tokens(tally({kInf, 5, kInf}, {.temperature = 1})), (std::vector<TokenId>{0, 2}));
  EXPECT_EQ(tokens(tally({-kInf, 5, 5}, {.temperature = 1})), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(tokens(tally({-kInf, -kInf}, {.temperature = 1})), (std::vector<TokenId>{0, 1}));
}

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  const auto counts = tally({0, std::log(3.0f)}, {.temperature = 1}, 20000);
  EXPECT_NEAR(counts.at(1) / 20000.0, 0.75, 0.01);
  const auto hot = tally({0, std::log(3.0f)}, {.temperature = 2}, 20000);
  EXPECT_NEAR(hot.at(1) / 20000.0, std::sqrt(3.0) / (1 + std::sqrt(3.0)), 0.01);
}

TEST(Sampler, TopKKeepsTheSmallerIdsOfEqualLogits) {
  EXPECT_EQ(tokens(tally({1, 1, 1, 1}, {.temperature = 1, .top_k = 2})), (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(tokens(tally({0, 1, 2, 1}, {.temperature = 1, .top_k = 2})), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(tokens(tally({0, 1}, {.temperature = 1, .top_k = 9})), (std::vector<TokenId>{0, 1}));
}

TEST(Sampler, TopPKeepsTheFirstThatReachesIt) {
  EXPECT_EQ(tokens(tally({0, 0, 0, 0}, {.temperature = 1, .top_p = 0.5f})), (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(tokens(tally({0, 0, 0, 0}, {.temperature = 1, .top_p = 0.51f})), (std::vector<TokenId>{0, 1, 2}));
  EXPECT_EQ(tokens(tally({0, 9, 0}, {.temperature = 1, .top_p = 1e-6f})), (std::vector<TokenId>{1}));
}

TEST(Sampler, MinPIsRelativeToTheGreatest) {
  const float half = std::log(0.5f);
  EXPECT_EQ(tokens(tally({0, half, 2 * half}, {.temperature = 1, .min_p = 0.4f})),
            (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(tokens(tally({0, half}, {.temperature = 1, .min_p = 1})), (std::vector<TokenId>{0}));
}

TEST(Sampler, GreedyHeedsPenaltiesBiasAndBans) {
  const std::vector<TokenId> ones = {1};
  EXPECT_EQ(choose({1, 3, 2}, {.repetition_penalty = 2}, 1, {ones, {}}), 2);
  EXPECT_EQ(choose({1, 3, 2}, {.presence_penalty = 2}, 1, {{}, ones}), 2);
  EXPECT_EQ(choose({1, 3, 2}, {.presence_penalty = 2}, 1, {ones, {}}), 1);
  EXPECT_EQ(choose({1, 3, 2}, {.logit_bias = {{0, 5}}}), 0);
  EXPECT_EQ(choose({1, 3, 2}, {}, 1, {}, ones), 2);
  EXPECT_EQ(choose({kNan, 3}, {}, 1, {}, ones), -1);
}

TEST(Sampler, ValidateNamesTheField) {
  const auto message = [](const Sampling& sampling) -> std::string {
    try {
      validate(sampling, 10);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}), "");
  EXPECT_EQ(message({.temperature = -1}), "sampling: temperature must be finite and at least 0, but is -1");
  EXPECT_EQ(message({.temperature = kNan}),
            "sampling: temperature must be finite and at least 0, but is nan");
  EXPECT_EQ(message({.top_k = -3}), "sampling: top_k must be at least 0, but is -3");
  EXPECT_EQ(message({.top_p = 0}), "sampling: top_p must be over 0 and at most 1, but is 0");
  EXPECT_EQ(message({.min_p = 2}), "sampling: min_p must be from 0 to 1, but is 2");
  EXPECT_EQ(message({.repetition_penalty = 0}),
            "sampling: repetition_penalty must be finite and over 0, but is 0");
  EXPECT_EQ(message({.presence_penalty = 3}), "sampling: presence_penalty must be from -2 to 2, but is 3");
  EXPECT_EQ(message({.frequency_penalty = kNan}),
            "sampling: frequency_penalty must be from -2 to 2, but is nan");
  EXPECT_EQ(message({.logit_bias = {{10, 0}}}),
            "sampling: logit_bias must be of tokens of the vocabulary, but is 10");
  EXPECT_EQ(message({.logit_bias = {{3, 1}, {3, 1}}}),
            "sampling: logit_bias must be by ascending token, each once, but is 3");
  EXPECT_EQ(message({.logit_bias = {{3, 101}}}), "sampling: logit_bias must be from -100 to 100, but is 101");
}

RC_GTEST_PROP(SamplerProperty, EqualsTheDefinition, ()) {
  const auto raw = *rc::gen::suchThat(rc::gen::container<std::vector<int>>(rc::gen::inRange(-60, 20)),
                                      [](const auto& v) { return !v.empty(); });
  std::vector<float> logits;
  for (int value : raw) logits.push_back(value == -60 ? kNan : value == -59 ? -kInf : value * 0.37f);
  Sampling sampling;
  sampling.temperature = *rc::gen::element(0.0f, 0.05f, 0.7f, 1.0f, 3.0f);
  sampling.top_k = *rc::gen::inRange(0, 20);
  sampling.top_p = *rc::gen::element(0.01f, 0.3f, 0.9f, 0.9999f, 1.0f);
  sampling.min_p = *rc::gen::element(0.0f, 0.01f, 0.5f, 1.0f);
  sampling.seed = *rc::gen::arbitrary<std::uint64_t>();
  sampling.choice = *rc::gen::inRange<std::uint32_t>(0, 3);
  const auto position = *rc::gen::inRange<std::uint64_t>(0, 1000);
  sampling.repetition_penalty = *rc::gen::element(1.0f, 1.0f, 1.3f, 0.7f);
  sampling.presence_penalty = *rc::gen::element(0.0f, 0.0f, 0.6f, -2.0f);
  sampling.frequency_penalty = *rc::gen::element(0.0f, 0.0f, 0.3f, -0.1f);
  const auto token = rc::gen::inRange<TokenId>(0, static_cast<TokenId>(logits.size()));
  const auto some = rc::gen::container<std::vector<TokenId>>(token);
  for (TokenId t = 0; t < static_cast<TokenId>(logits.size()); ++t) {
    const float bias = *rc::gen::element(0.0f, 0.0f, 0.0f, 1.5f, -100.0f);
    if (bias != 0) sampling.logit_bias.push_back({t, bias});
  }
  const std::vector<TokenId> prompt = *some, generated = *some, drafted = *some;
  const std::vector<TokenId> banned = *rc::gen::element(std::vector<TokenId>{}, std::vector<TokenId>{0});
  std::vector<TokenId> chosen = generated;
  chosen.insert(chosen.end(), drafted.begin(), drafted.end());
  RC_ASSERT(
      choose(logits, sampling, position, {prompt, generated, drafted}, banned) ==
      by_definition(adjusted_by_definition(logits, sampling, prompt, chosen, banned), sampling, position));
}

}  // namespace
}  // namespace isobatch::sample
