#include "sample/adjust.h"

#include <algorithm>

#include "numerics/scalar.h"

namespace isobatch::sample {

Adjuster::Adjuster(int vocab_size) : counts_(vocab_size) {
  occurring_.reserve(vocab_size);
  // A token may be penalized, biased and banned; memory that is not used is not taken.
  saved_.reserve(3 * static_cast<std::size_t>(vocab_size));
  row_.reserve(vocab_size);
}

void Adjuster::apply(std::span<float> logits, const Sampling& sampling, const History& history,
                     const Exclusions& exclusions) noexcept {
  saved_.clear();
  row_.clear();
  if (!exclusions.allowed.empty()) mask(logits, exclusions.allowed);
  for (const TokenId token : exclusions.banned) set(logits, token, numerics::canonical_nan());
  if (sampling.penalizes()) {
    count(history.prompt, 0);
    count(history.generated, 1);
    count(history.drafted, 1);
    for (const TokenId token : occurring_) {
      float l = logits[token];
      l = l < 0 ? l * sampling.repetition_penalty : l / sampling.repetition_penalty;
      const std::uint32_t generated = counts_[token] - 1;
      if (generated > 0) {
        const float penalty = static_cast<float>(generated) * sampling.frequency_penalty;
        l = l - penalty;
        l = l - sampling.presence_penalty;
      }
      set(logits, token, l);
      counts_[token] = 0;
    }
    occurring_.clear();
  }
  for (const auto& [token, bias] : sampling.logit_bias) set(logits, token, logits[token] + bias);
}

void Adjuster::undo(std::span<float> logits) noexcept {
  for (std::size_t i = saved_.size(); i-- > 0;) logits[saved_[i].token] = saved_[i].logit;
  saved_.clear();
  std::ranges::copy(row_, logits.begin());
  row_.clear();
}

void Adjuster::mask(std::span<float> logits, std::span<const std::uint64_t> allowed) noexcept {
  row_.assign(logits.begin(), logits.end());
  const float nan = numerics::canonical_nan();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(allowed[i / 64] >> (i % 64) & 1)) logits[i] = nan;
  }
}

void Adjuster::count(std::span<const TokenId> tokens, std::uint32_t each) noexcept {
  for (const TokenId token : tokens) {
    std::uint32_t& known = counts_[token];
    if (known == 0) {
      known = 1;
      occurring_.push_back(token);
    }
    known += each;
  }
}

void Adjuster::set(std::span<float> logits, TokenId token, float value) noexcept {
  saved_.push_back({token, logits[token]});
  logits[token] = value;
}

}  // namespace isobatch::sample
