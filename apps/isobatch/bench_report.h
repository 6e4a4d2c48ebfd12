// What bench prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench_job.h"

namespace isobatch::cli {

struct BenchReport {
  std::vector<Phase> phases;
  std::optional<MachinePeaks> peaks;
  std::string kernels;
  int threads = 0;
};

// The roofline (Williams, Waterman, Patterson 2009): what the machine's peaks allow, in tokens/s.
struct Roofline {
  double memory = 0;      // bytes at the peak bandwidth
  double arithmetic = 0;  // operations at their instructions' peaks; 0: not known
  double limit() const { return arithmetic > 0 && arithmetic < memory ? arithmetic : memory; }
  const char* binds() const { return limit() == memory ? "memory" : "arithmetic"; }
};
Roofline roofline(const Cost& cost, const MachinePeaks& peaks);

std::string bench_text(const BenchReport& report);
std::string bench_json(const BenchReport& report, const Model& model);

}  // namespace isobatch::cli
