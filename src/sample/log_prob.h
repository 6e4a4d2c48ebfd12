// The log-probability of a token, defined once: seen while generating and scored afterwards it is the same
// bits.
#pragma once

#include <span>

#include "isobatch/request.h"
#include "kernels/kernels.h"

namespace isobatch::sample {

// Natural log, N-SAMPLE: (l - m) - log(s), all in f32, with m the greatest logit (Argmax) and s =
// SumExp(logits, m). Temperature and filters play no part. NaN when a logit is NaN or m is infinite.
float log_prob(std::span<const float> logits, TokenId token, const kernels::KernelTable& kernels) noexcept;

}  // namespace isobatch::sample
