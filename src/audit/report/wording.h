// How figures are said, the same in the terminal and on the page. A difference is claimed only where its
// interval excludes zero, or McNemar's p is below kSignificance.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

inline constexpr double kSignificance = 0.05;

std::string number(double value);                      // three digits: "0", "12.5", "3.1e-05", "∞"
std::string percent(double share);                     // "12.5 %", "30 %"
std::string percents(double low, double high);         // "21–45 %"
std::string share_text(const Share& share);            // "12 of 40 (21–45 %)"
std::string drift_text(const Mean& drift);             // "+9.8 (8.1 to 11.6)"
std::string p_text(double p);                          // "p = 0.03", "p < 0.001"
std::string_view length_unit(const EngineInfo& info);  // "tokens", "bytes"
std::string count_text(std::uint64_t count);           // "12,345"
std::string duration_text(double seconds);             // "3 min 5 s"
std::string time_text(std::string_view created);       // "2026-01-02 03:04 UTC"
std::string prompts_text(
    const AuditReport& report);  // "40 prompts of yesno.jsonl, at most 24 new tokens each"
std::string engines_text(const AuditReport& report);   // "hf and isobatch"
std::string trace_text(const TraceComparison& trace);  // where two runs part, in a sentence
bool drifts(const Measures& measures);                 // in length
bool accuracy_changes(const Measures& measures);
bool bits_equal(const Measures& measures);  // logits were compared and all are the same

// What an engine's answers did when something changed, in a few words.
struct Outcome {
  enum class Kind { absent, not_offered, error, bits_equal, same, differ };
  Kind kind = Kind::absent;
  std::string text;                // "12 of 40 (21–45 %)"
  std::vector<std::string> notes;  // "length +9.8 tokens (8.1 to 11.6)"
};
Outcome outcome_of(const Comparison& comparison, const EngineInfo& info);

// A change, and what it did to each engine.
struct OverviewRow {
  Factor factor = Factor::rerun;
  std::string change;  // "batch 1 → batch 16"; without a reference where they differ
  std::vector<const Comparison*> comparisons;  // [engines]; null: the engine has none
  std::vector<Outcome> outcomes;               // [engines]
};
// Changes that should not matter first, then those of what is asked; in a factor in the order they were run.
// The report must outlive them.
std::vector<OverviewRow> overview(const AuditReport& report);

}  // namespace isobatch::audit
