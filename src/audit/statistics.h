// The statistics of a report. Everything is deterministic: the bootstrap draws from a fixed seed.
#pragma once

#include <span>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

// Wilson's interval at 95 %. Requires 0 <= count <= of.
Share share(int count, int of);

// Mean with the percentile interval of 1,000 bootstrap samples at 95 %: Efron, "Bootstrap methods: another
// look at the jackknife", 1979. No values: zeros.
Mean mean(std::span<const double> values);

// Two-sided exact p-value that b of b + c discordant pairs fall on one side by chance: McNemar, "Note on the
// sampling error of the difference between correlated proportions or percentages", 1947.
double mcnemar_p(int b, int c);

// The middle value, or the mean of the two in the middle; 0 of none.
double median(std::span<const double> values);

}  // namespace isobatch::audit
