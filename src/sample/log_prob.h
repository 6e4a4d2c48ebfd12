// The log-probability of a token, defined once: seen while generating and scored afterwards it is the same
// bits.
#pragma once

#include <span>

#include "isobatch/request.h"
#include "kernels/kernels.h"

namespace isobatch::sample {

// Of the tokens of one row. Natural log, N-SAMPLE: (l - m) - log(s), all in f32, with m the greatest logit
// (Argmax) and s = SumExp(logits, m). Penalties, temperature and filters play no part. NaN when a logit is
// NaN or m is infinite.
class LogProbs {
 public:
  // logits [vocab_size], which must outlive it.
  LogProbs(std::span<const float> logits, const kernels::KernelTable& kernels) noexcept;
  float operator()(TokenId token) const noexcept;
  TokenId greatest() const noexcept { return greatest_; }  // the smallest id of equal ones; -1: all are NaN

 private:
  std::span<const float> logits_;
  TokenId greatest_;
  bool defined_ = false;
  float greatest_logit_ = 0.0f;
  float log_sum_ = 0.0f;
};

// Fills `top` with the tokens of the greatest logits, greatest first; of equal ones the smaller id goes
// first. Returns how many they are, fewer than there is room for when logits are NaN.
std::size_t top_log_probs(std::span<const float> logits, const LogProbs& log_probs,
                          std::span<TokenLogprob> top) noexcept;

}  // namespace isobatch::sample
