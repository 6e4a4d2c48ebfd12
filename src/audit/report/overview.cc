// Which comparisons of several engines stand in one row.
#include <algorithm>
#include <map>
#include <tuple>

#include "audit/report/wording.h"
#include "isobatch/audit/gate.h"

namespace isobatch::audit {
namespace {

// A change is the same in two engines when factor and result are, whatever each engine's base is ("batch 1 →
// batch 16" in native and in f32). When one engine ran it under several conditions, those after the first
// need equal conditions too.
using Key = std::tuple<Factor, std::string, std::string>;

std::vector<Key> keys_of(const EngineReport& engine) {
  std::vector<Key> keys;
  for (const Comparison& comparison : engine.comparisons) {
    Key key{comparison.factor, comparison.changed, ""};
    if (std::ranges::find(keys, key) != keys.end()) std::get<2>(key) = comparison.conditions;
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string change_text(const OverviewRow& row, const std::string& changed, const std::string& conditions) {
  std::string reference;
  bool same = true;
  for (const Comparison* comparison : row.comparisons) {
    if (!comparison || comparison->reference.empty()) continue;
    if (reference.empty()) reference = comparison->reference;
    same &= reference == comparison->reference;
  }
  std::string text =
      same && !reference.empty() && reference != changed ? reference + " → " + changed : changed;
  if (!conditions.empty()) text += " (" + conditions + ")";
  return text;
}

// Of an engine that has no comparison in a row.
Outcome missing_outcome(const EngineReport& engine, Factor factor) {
  const auto refuses = [factor](const Comparison& c) { return c.factor == factor && !c.not_offered.empty(); };
  const auto refusal = std::ranges::find_if(engine.comparisons, refuses);
  if (refusal != engine.comparisons.end()) return outcome_of(*refusal, engine.info);
  // An engine that did not start has told nothing of what it offers.
  if (engine.error.empty() && !engine.info.factors.contains(factor)) {
    return {Outcome::Kind::not_offered, "not offered", {}};
  }
  return {Outcome::Kind::absent, "not run", {}};
}

}  // namespace

std::vector<OverviewRow> overview(const AuditReport& report) {
  const std::size_t engines = report.engines.size();
  std::vector<Key> keys;  // of rows
  std::vector<OverviewRow> rows;
  for (std::size_t e = 0; e < engines; ++e) {
    const EngineReport& engine = report.engines[e];
    const std::vector<Key> own = keys_of(engine);
    for (std::size_t i = 0; i < own.size(); ++i) {
      const std::size_t at = std::ranges::find(keys, own[i]) - keys.begin();
      if (at == keys.size()) {
        keys.push_back(own[i]);
        rows.push_back({engine.comparisons[i].factor, "", std::vector<const Comparison*>(engines), {}});
      }
      if (!rows[at].comparisons[e]) rows[at].comparisons[e] = &engine.comparisons[i];
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].change = change_text(rows[i], std::get<1>(keys[i]), std::get<2>(keys[i]));
  }
  // A refusal needs no row of its own where the factor has rows with figures.
  const auto has_figures = [](const OverviewRow& row) {
    return std::ranges::any_of(row.comparisons,
                               [](const Comparison* c) { return c && c->not_offered.empty(); });
  };
  std::set<Factor> measured;
  for (const OverviewRow& row : rows) {
    if (has_figures(row)) measured.insert(row.factor);
  }
  std::set<Factor> refused;
  std::erase_if(rows, [&](const OverviewRow& row) {
    return !has_figures(row) && (measured.contains(row.factor) || !refused.insert(row.factor).second);
  });
  for (OverviewRow& row : rows) {
    for (std::size_t e = 0; e < engines; ++e) {
      const Comparison* comparison = row.comparisons[e];
      row.outcomes.push_back(comparison ? outcome_of(*comparison, report.engines[e].info)
                                        : missing_outcome(report.engines[e], row.factor));
    }
  }
  std::ranges::stable_sort(
      rows, {}, [](const OverviewRow& row) { return std::pair(!should_not_matter(row.factor), row.factor); });
  return rows;
}

}  // namespace isobatch::audit
