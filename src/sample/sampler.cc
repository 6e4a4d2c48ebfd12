#include "sample/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "isobatch/error.h"
#include "numerics/exp.h"
#include "numerics/sum.h"
#include "sample/philox.h"

namespace isobatch::sample {
namespace {

// As in OpenAI's interface.
constexpr float kMostPenalty = 2;
constexpr float kMostBias = 100;

void require(bool holds, const char* field, const char* expected, double actual) {
  if (holds) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("sampling: {} must be {}, but is {}", field, expected, actual));
}

}  // namespace

void validate(const Sampling& sampling, int vocab_size) {
  require(std::isfinite(sampling.temperature) && sampling.temperature >= 0, "temperature",
          "finite and at least 0", sampling.temperature);
  require(sampling.top_k >= 0, "top_k", "at least 0", sampling.top_k);
  require(sampling.top_p > 0 && sampling.top_p <= 1, "top_p", "over 0 and at most 1", sampling.top_p);
  require(sampling.min_p >= 0 && sampling.min_p <= 1, "min_p", "from 0 to 1", sampling.min_p);
  require(std::isfinite(sampling.repetition_penalty) && sampling.repetition_penalty > 0, "repetition_penalty",
          "finite and over 0", sampling.repetition_penalty);
  for (const auto& [field, value] : {std::pair{"presence_penalty", sampling.presence_penalty},
                                     std::pair{"frequency_penalty", sampling.frequency_penalty}}) {
    require(std::abs(value) <= kMostPenalty, field, "from -2 to 2", value);
  }
  TokenId least = 0;
  for (const auto& [token, bias] : sampling.logit_bias) {
    require(token >= 0 && token < vocab_size, "logit_bias", "of tokens of the vocabulary", token);
    require(token >= least, "logit_bias", "by ascending token, each once", token);
    require(std::abs(bias) <= kMostBias, "logit_bias", "from -100 to 100", bias);
    least = token + 1;
  }
}

Sampler::Sampler(int vocab_size) : adjuster_(vocab_size) {
  candidates_.reserve(vocab_size);
  weights_.reserve(vocab_size);
}

TokenId Sampler::choose(std::span<float> logits, const Sampling& sampling, const History& history,
                        std::uint64_t position, const Exclusions& exclusions,
                        const kernels::KernelTable& kernels) noexcept {
  adjuster_.apply(logits, sampling, history, exclusions);
  const TokenId token = choose_adjusted(logits, sampling, position, kernels);
  adjuster_.undo(logits);
  return token;
}

TokenId Sampler::choose_adjusted(std::span<const float> logits, const Sampling& sampling,
                                 std::uint64_t position, const kernels::KernelTable& kernels) noexcept {
  if (sampling.temperature == 0) return kernels.argmax(logits.data(), static_cast<int>(logits.size()));

  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!std::isnan(logits[i])) candidates_.push_back({static_cast<TokenId>(i), logits[i], 0.0f});
  }
  if (candidates_.empty()) return -1;
  if (sampling.top_k > 0) keep_top_k(sampling.top_k);

  const float greatest = std::ranges::max(candidates_, {}, &Candidate::logit).logit;
  for (Candidate& c : candidates_) {
    c.weight = c.logit == greatest ? 1.0f : numerics::exp((c.logit - greatest) / sampling.temperature);
  }
  if (sampling.top_p < 1) keep_top_p(sampling.top_p);
  if (sampling.min_p > 0)
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < sampling.min_p; });

  const float threshold = uniform(sampling.seed, sampling.choice, position) * sum_weights();
  float running = 0.0f;
  TokenId last = -1;
  for (const Candidate& c : candidates_) {
    if (c.weight == 0) continue;
    running = running + c.weight;
    last = c.token;
    if (running > threshold) break;
  }
  return last;
}

void Sampler::keep_top_k(int k) noexcept {
  if (static_cast<std::size_t>(k) >= candidates_.size()) return;
  std::nth_element(candidates_.begin(), candidates_.begin() + k, candidates_.end(), before);
  candidates_.resize(k);
  sort_by_token();
}

void Sampler::keep_top_p(float top_p) noexcept {
  const float threshold = top_p * sum_weights();
  // A heap gives the greatest first without sorting the rest, which is most of the vocabulary.
  const auto after = [](const Candidate& a, const Candidate& b) { return before(b, a); };
  std::make_heap(candidates_.begin(), candidates_.end(), after);
  auto kept = candidates_.end();
  float running = 0.0f;
  while (kept != candidates_.begin()) {
    std::pop_heap(candidates_.begin(), kept, after);
    --kept;
    running = running + kept->weight;
    if (running >= threshold) break;
  }
  candidates_.erase(candidates_.begin(), kept);
  sort_by_token();
}

void Sampler::sort_by_token() noexcept { std::ranges::sort(candidates_, {}, &Candidate::token); }

float Sampler::sum_weights() noexcept {
  weights_.clear();
  for (const Candidate& c : candidates_) weights_.push_back(c.weight);
  return numerics::sum(weights_.data(), weights_.size());
}

}  // namespace isobatch::sample
