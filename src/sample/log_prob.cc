#include "sample/log_prob.h"

#include <cmath>

#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace isobatch::sample {

LogProbs::LogProbs(std::span<const float> logits, const kernels::KernelTable& kernels) noexcept
    : logits_(logits) {
  const int n = static_cast<int>(logits.size());
  greatest_ = kernels.argmax(logits.data(), n);
  if (greatest_ < 0) return;
  greatest_logit_ = logits[greatest_];
  const float sum = kernels.sum_exp(logits.data(), n, greatest_logit_);
  defined_ = sum >= 1.0f;  // the greatest alone gives 1
  if (defined_) log_sum_ = numerics::log(sum);
}

float LogProbs::operator()(TokenId token) const noexcept {
  if (!defined_) return numerics::canonical_nan();
  return numerics::canonical((logits_[token] - greatest_logit_) - log_sum_);
}

std::size_t top_log_probs(std::span<const float> logits, const LogProbs& log_probs,
                          std::span<TokenLogprob> top) noexcept {
  if (top.empty()) return 0;
  std::size_t known = 0;
  const int n = static_cast<int>(logits.size());
  for (TokenId token = 0; token < n; ++token) {
    const float logit = logits[token];
    if (std::isnan(logit) || (known == top.size() && !(logit > logits[top.back().token]))) continue;
    if (known < top.size()) ++known;
    std::size_t i = known - 1;
    for (; i > 0 && logit > logits[top[i - 1].token]; --i) top[i] = top[i - 1];
    top[i].token = token;
  }
  for (TokenLogprob& t : top.first(known)) t.logprob = log_probs(t.token);
  return known;
}

}  // namespace isobatch::sample
