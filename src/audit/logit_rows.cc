#include "audit/logit_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace isobatch::audit {
namespace {

// Maps f32 to integers in the order of the numbers, so that neighbours differ by one.
std::int64_t ordered(float x) {
  const std::int32_t bits = std::bit_cast<std::int32_t>(x);
  return bits >= 0 ? bits : static_cast<std::int64_t>(std::numeric_limits<std::int32_t>::min()) - bits;
}

double log_sum_exp(std::span<const float> row) {
  const double greatest = *std::ranges::max_element(row);
  double sum = 0;
  for (const float x : row) sum += std::exp(x - greatest);
  return greatest + std::log(sum);
}

double divergence(std::span<const float> a, std::span<const float> b) {
  const double log_a = log_sum_exp(a), log_b = log_sum_exp(b);
  double kl = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double p = a[i] - log_a;
    // What is impossible in both takes no part; far down, exp(p) is 0 in double precision.
    if (p > -700) kl += std::exp(p) * (p - (b[i] - log_b));
  }
  return std::max(kl, 0.0);  // rounding of the sums
}

}  // namespace

double ulp_distance(float a, float b) {
  if (std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b)) return 0;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::infinity();
  return static_cast<double>(std::abs(ordered(a) - ordered(b)));
}

RowDifference difference(std::span<const float> a, std::span<const float> b) {
  RowDifference result;
  if (std::memcmp(a.data(), b.data(), a.size_bytes()) == 0) return result;
  result.bits_equal = false;
  double sum = 0, squares = 0, difference_squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) {
      if (std::isfinite(a[i])) sum += a[i], squares += static_cast<double>(a[i]) * a[i];
      continue;
    }
    if (!std::isfinite(b[i])) {
      result.nonfinite = std::isfinite(a[i]);
      if (result.nonfinite) return result;
    }
    if (!std::isfinite(a[i])) continue;
    const double d = std::abs(static_cast<double>(a[i]) - b[i]);
    result.max = std::max(result.max, d);
    result.ulp = std::max(result.ulp, ulp_distance(a[i], b[i]));
    difference_squares += d * d;
    sum += a[i];
    squares += static_cast<double>(a[i]) * a[i];
  }
  const double n = static_cast<double>(a.size());
  const double variance = squares / n - (sum / n) * (sum / n);
  result.relative = variance > 0 ? std::sqrt(difference_squares / n / variance) : 0;
  result.kl = divergence(a, b);
  return result;
}

float margin(std::span<const float> logits) {
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (const float x : logits) {
    if (x > first) {
      second = first;
      first = x;
    } else if (x > second) {
      second = x;
    }
  }
  return first - second;
}

}  // namespace isobatch::audit
