#include "isobatch/audit/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

#include "audit/report/wording.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

std::string title(const Comparison& comparison) {
  std::string text =
      fmt::format("{}, {} → {}", name_of(comparison.factor), comparison.reference, comparison.changed);
  if (!comparison.conditions.empty()) text += " (" + comparison.conditions + ")";
  return text;
}

bool measured(const Comparison& comparison) {
  return comparison.not_offered.empty() && comparison.error.empty() && comparison.measures.differ.of > 0;
}

bool breaks_limit(const Share& differ, const FailRule& rule) {
  return rule.percent ? 100 * differ.value() > rule.limit : differ.count > rule.limit;
}

void add_failures_of_comparison(const FailRule& rule, const std::string& engine, const Comparison& comparison,
                                std::vector<std::string>& failures) {
  const Measures& m = comparison.measures;
  if (rule.kind == FailRule::Kind::flips && breaks_limit(m.differ, rule)) {
    failures.push_back(
        fmt::format("{}: {}: {} answers differ", engine, title(comparison), share_text(m.differ)));
  }
  if (rule.kind != FailRule::Kind::drift) return;
  if (drifts(m)) {
    failures.push_back(
        fmt::format("{}: {}: length drifts by {}", engine, title(comparison), drift_text(m.length_drift)));
  }
  if (accuracy_changes(m)) {
    failures.push_back(fmt::format("{}: {}: right answers {} → {}, {}", engine, title(comparison),
                                   m.accuracy->reference.count, m.accuracy->changed.count,
                                   p_text(m.accuracy->p_value)));
  }
}

void add_what_failed(const AuditReport& report, std::vector<std::string>& failures) {
  if (report.engines.empty()) failures.push_back("no engine was audited");
  for (const EngineReport& engine : report.engines) {
    const std::string& name = engine.info.name;
    if (!engine.error.empty())
      failures.push_back(fmt::format("{}: could not be audited: {}", name, engine.error));
    bool any = false;
    for (const Comparison& comparison : engine.comparisons) {
      any |= measured(comparison);
      if (!comparison.error.empty()) {
        failures.push_back(fmt::format("{}: {}: failed: {}", name, title(comparison), comparison.error));
      }
    }
    if (!any && engine.error.empty()) failures.push_back(fmt::format("{}: nothing was measured", name));
  }
}

using Key = std::tuple<Factor, std::string, std::string, std::string>;
Key key_of_comparison(const Comparison& c) { return {c.factor, c.reference, c.changed, c.conditions}; }

using Direction = BaselineChange::Direction;

struct BaselineComparer {
  BaselineComparison result;

  void add(Direction direction, const std::string& engine, std::string what) {
    result.changes.push_back({direction, engine, std::move(what)});
  }
  void condition(std::string_view what, const std::string& now, const std::string& before) {
    if (now != before) {
      result.conditions.push_back(
          fmt::format("{}: {}, was {}", what, now.empty() ? "none" : now, before.empty() ? "none" : before));
    }
  }

  void compare(const std::string& engine, const Comparison& now, const Comparison& before) {
    const std::string what = title(now);
    if (now.error.empty() != before.error.empty()) {
      add(now.error.empty() ? Direction::better : Direction::worse, engine,
          fmt::format("{}: {}", what, now.error.empty() ? "no longer fails" : "fails: " + now.error));
    } else if (now.not_offered.empty() != before.not_offered.empty()) {
      add(Direction::other, engine,
          fmt::format("{}: {} offered", what, now.not_offered.empty() ? "now" : "no longer"));
    }
    if (!measured(now) || !measured(before)) return;
    ++result.compared;

    const Measures &m = now.measures, &old = before.measures;
    const bool more = m.differ.low > old.differ.high, fewer = m.differ.high < old.differ.low;
    if (more || fewer) {
      add(more ? Direction::worse : Direction::better, engine,
          fmt::format("{}: {} answers differ, was {}", what, share_text(m.differ), share_text(old.differ)));
    }
    const bool was_equal = bits_equal(old) && old.differ.count == 0;
    const bool is_equal = bits_equal(m) && m.differ.count == 0;
    if (was_equal && !is_equal && m.logits) {
      add(Direction::worse, engine, fmt::format("{}: bits were equal and no longer are", what));
    } else if (is_equal && !was_equal && old.logits) {
      add(Direction::better, engine, fmt::format("{}: bits are equal and were not", what));
    }
    compare_drift(engine, what, m.length_drift, old.length_drift);
    if (accuracy_changes(m) != accuracy_changes(old) && m.accuracy && old.accuracy) {
      add(accuracy_changes(m) ? Direction::worse : Direction::better, engine,
          fmt::format("{}: accuracy changes with {}, was {}", what, p_text(m.accuracy->p_value),
                      p_text(old.accuracy->p_value)));
    }
  }

  // Away from zero is worse, whichever way.
  void compare_drift(const std::string& engine, const std::string& what, const Mean& now,
                     const Mean& before) {
    if (now.low <= before.high && before.low <= now.high) return;
    const bool worse = std::abs(now.value) > std::abs(before.value);
    add(worse ? Direction::worse : Direction::better, engine,
        fmt::format("{}: length drifts by {}, was {}", what, drift_text(now), drift_text(before)));
  }

  void compare(const EngineReport& now, const EngineReport& before) {
    const std::string& name = now.info.name;
    condition(name + " version", now.info.version, before.info.version);
    condition(name + " model", now.info.model, before.info.model);
    if (now.error.empty() != before.error.empty()) {
      add(now.error.empty() ? Direction::better : Direction::worse, name,
          now.error.empty() ? "no longer fails" : "fails: " + now.error);
    }
    const auto has = [](const EngineReport& engine, VerdictKind kind) {
      return std::ranges::any_of(engine.verdicts, [kind](const Verdict& v) { return v.kind == kind; });
    };
    for (int i = 0; i < kVerdictKinds; ++i) {
      const auto kind = static_cast<VerdictKind>(i);
      if (has(now, kind) == has(before, kind) || kind == VerdictKind::none) continue;
      const bool bad = is_bug(kind) || kind == VerdictKind::rounding;
      add(!bad             ? Direction::other
          : has(now, kind) ? Direction::worse
                           : Direction::better,
          name, fmt::format("verdict “{}” {}", name_of(kind), has(now, kind) ? "is new" : "is gone"));
    }
    std::map<Key, const Comparison*> earlier;
    for (const Comparison& comparison : before.comparisons)
      earlier[key_of_comparison(comparison)] = &comparison;
    for (const Comparison& comparison : now.comparisons) {
      const auto found = earlier.find(key_of_comparison(comparison));
      if (found != earlier.end()) compare(name, comparison, *found->second);
    }
  }
};

}  // namespace

FailRule parse_fail_rule(std::string_view text) {
  if (text == "bug") return {FailRule::Kind::bug};
  if (text == "drift") return {FailRule::Kind::drift};
  if (text == "worse") return {FailRule::Kind::worse};
  constexpr std::string_view kFlips = "flips>";
  FailRule rule{FailRule::Kind::flips};
  bool valid = text.starts_with(kFlips);
  if (valid) {
    std::string_view limit = text.substr(kFlips.size());
    rule.percent = limit.ends_with('%');
    if (rule.percent) limit.remove_suffix(1);
    const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), rule.limit);
    valid =
        error == std::errc() && end == limit.data() + limit.size() && rule.limit >= 0 && rule.limit <= 1e9;
  }
  if (!valid) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("expected flips>N, flips>N%, bug, drift or worse, got {}", text));
  }
  return rule;
}

BaselineComparison compare_with_baseline(const AuditReport& report, const AuditReport& baseline) {
  BaselineComparer comparer;
  comparer.result.created = baseline.created;
  comparer.condition("prompts' hash", report.prompts_hash, baseline.prompts_hash);
  comparer.condition("prompts", std::to_string(report.prompts), std::to_string(baseline.prompts));
  comparer.condition("most new tokens", std::to_string(report.max_tokens),
                     std::to_string(baseline.max_tokens));
  comparer.condition("seed", std::to_string(report.seed), std::to_string(baseline.seed));
  comparer.condition("machine", report.machine, baseline.machine);
  comparer.condition("isobatch", report.isobatch_version, baseline.isobatch_version);
  const auto find = [](const AuditReport& in, const std::string& name) {
    return std::ranges::find(in.engines, name, [](const EngineReport& engine) { return engine.info.name; });
  };
  for (const EngineReport& engine : report.engines) {
    const auto before = find(baseline, engine.info.name);
    if (before != baseline.engines.end()) {
      comparer.compare(engine, *before);
    } else {
      comparer.result.conditions.push_back(fmt::format("{} is not in the baseline", engine.info.name));
    }
  }
  for (const EngineReport& engine : baseline.engines) {
    if (find(report, engine.info.name) == report.engines.end()) {
      comparer.result.conditions.push_back(fmt::format("{} is in the baseline only", engine.info.name));
    }
  }
  std::ranges::stable_sort(comparer.result.changes, {}, &BaselineChange::direction);
  return std::move(comparer.result);
}

std::vector<std::string> failures(const AuditReport& report, std::span<const FailRule> rules,
                                  const BaselineComparison* baseline) {
  std::vector<std::string> failures;
  if (rules.empty()) return failures;
  add_what_failed(report, failures);
  for (const FailRule& rule : rules) {
    if (rule.kind == FailRule::Kind::worse) {
      if (!baseline) throw Error(ErrorCode::invalid_argument, "to fail on worse, a baseline is needed");
      if (baseline->compared == 0) failures.push_back("nothing is in both this audit and the baseline");
      for (const BaselineChange& change : baseline->changes) {
        if (change.direction == Direction::worse) {
          failures.push_back(fmt::format("{}: worse than before: {}", change.engine, change.what));
        }
      }
      continue;
    }
    for (const EngineReport& engine : report.engines) {
      if (rule.kind == FailRule::Kind::bug) {
        for (const Verdict& verdict : engine.verdicts) {
          if (is_bug(verdict.kind)) {
            failures.push_back(
                fmt::format("{}: {}: {}", engine.info.name, name_of(verdict.kind), verdict.sentence));
          }
        }
        continue;
      }
      for (const Comparison& comparison : engine.comparisons) {
        if (!should_not_matter(comparison.factor) || !measured(comparison)) continue;
        add_failures_of_comparison(rule, engine.info.name, comparison, failures);
      }
    }
  }
  return failures;
}

}  // namespace isobatch::audit
