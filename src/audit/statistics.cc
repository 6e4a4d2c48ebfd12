#include "audit/statistics.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace isobatch::audit {

Share share(int count, int of) {
  Share result{.count = count, .of = of};
  if (of == 0) return result;
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const double n = of, p = count / n;
  const double centre = p + z * z / (2 * n), spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  result.low = count == 0 ? 0.0 : (centre - spread) / scale;
  result.high = count == of ? 1.0 : (centre + spread) / scale;
  return result;
}

Mean mean(std::span<const double> values) {
  if (values.empty()) return {};
  const auto average = [](double sum, std::size_t n) { return sum / static_cast<double>(n); };
  double sum = 0;
  for (const double value : values) sum += value;
  constexpr int kSamples = 1000;
  std::mt19937_64 random(1);
  std::vector<double> means(kSamples);
  for (double& sample : means) {
    double total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) total += values[random() % values.size()];
    sample = average(total, values.size());
  }
  std::ranges::sort(means);
  return {.value = average(sum, values.size()),
          .low = means[kSamples * 25 / 1000],
          .high = means[kSamples * 975 / 1000 - 1]};
}

double mcnemar_p(int b, int c) {
  const int n = b + c;
  if (n == 0) return 1;
  const int least = std::min(b, c);
  // Binomial(n, 1/2) up to `least`, in logarithms: n may be thousands.
  double tail = 0;
  for (int k = 0; k <= least; ++k) {
    tail +=
        std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

double median(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace isobatch::audit
