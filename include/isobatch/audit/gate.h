// An audit as a gate: which conditions it breaks, and what became worse since an earlier one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

struct FailRule {
  enum class Kind {
    flips,  // a comparison has more changed answers than the limit
    bug,    // a verdict that is_bug
    drift,  // a length drift whose interval excludes zero, or McNemar's p < 0.05
    worse,  // something is worse than in the baseline
  };
  Kind kind = Kind::bug;
  double limit = 0;  // of flips: answers, or with `percent` their share
  bool percent = false;
};

// "flips>0", "flips>5%", "bug", "drift", "worse". Throws Error(invalid_argument).
FailRule parse_fail_rule(std::string_view text);

// What changed between two audits, engine by engine, comparison by comparison.
struct BaselineChange {
  enum class Direction { worse, better, other };
  Direction direction = Direction::other;
  std::string engine;
  std::string what;  // "batch size, batch 1 → batch 16: 12 of 40 (21–45 %), was 0 of 40 (0–9 %)"
};
struct BaselineComparison {
  std::string created;  // of the baseline
  std::vector<std::string>
      conditions;  // that differ, so that changes may come of them: "prompts: 40, was 24"
  std::vector<BaselineChange> changes;  // worse first
  int compared = 0;                     // comparisons that both audits have
};

// Shares and drifts count as changed when their intervals do not overlap; bits, verdicts and failures when
// they are not the same.
BaselineComparison compare_with_baseline(const AuditReport& report, const AuditReport& baseline);

// Why the report breaks the rules, a line each; empty: it does not. Only factors that should not matter count
// (not dtype and KV dtype). What could not be measured breaks every rule: a gate must not open because an
// engine failed. `baseline` may be null unless a rule says worse.
std::vector<std::string> failures(const AuditReport& report, std::span<const FailRule> rules,
                                  const BaselineComparison* baseline = nullptr);

// Whether a factor is how it is run, and so should not matter.
constexpr bool should_not_matter(Factor factor) {
  return factor != Factor::dtype && factor != Factor::kv_dtype;
}

}  // namespace isobatch::audit
