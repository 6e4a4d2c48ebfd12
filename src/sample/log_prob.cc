#include "sample/log_prob.h"

#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace isobatch::sample {

float log_prob(std::span<const float> logits, TokenId token, const kernels::KernelTable& kernels) noexcept {
  const int n = static_cast<int>(logits.size());
  const int best = kernels.argmax(logits.data(), n);
  if (best < 0) return numerics::canonical_nan();
  const float greatest = logits[best];
  const float sum = kernels.sum_exp(logits.data(), n, greatest);
  if (!(sum >= 1.0f)) return numerics::canonical_nan();  // the greatest alone gives 1
  return numerics::canonical((logits[token] - greatest) - numerics::log(sum));
}

}  // namespace isobatch::sample
