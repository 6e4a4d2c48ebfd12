// What an audit has found: plain data that the table, the HTML and the JSON are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "isobatch/audit/engine.h"

namespace isobatch::audit {

// Version of the JSON, docs/audit-schema.md.
inline constexpr int kReportVersion = 1;

// A share of n, with its 95 % confidence interval (Wilson, "Probable inference, the law of succession, and
// statistical inference", 1927).
struct Share {
  int count = 0;
  int of = 0;
  double low = 0;
  double high = 1;
  double value() const { return of > 0 ? static_cast<double>(count) / of : 0.0; }
};

// A mean with its 95 % confidence interval (percentile bootstrap with a fixed seed).
struct Mean {
  double value = 0;
  double low = 0;
  double high = 0;
  bool excludes_zero() const { return low > 0 || high < 0; }
};

// Right answers before and after, where they are known; McNemar's exact test on the pairs that changed.
struct Accuracy {
  Share reference;
  Share changed;
  int lost = 0;    // right only in the reference
  int gained = 0;  // right only after the change
  double p_value = 1;
};

// Of the logits rows that both runs have with the same tokens before them.
struct LogitMeasures {
  std::uint64_t rows = 0;
  std::uint64_t rows_equal = 0;  // bit for bit
  double max_difference = 0;     // of all logits
  double median_difference = 0;  // over rows, of a row's greatest difference
  double max_ulp = 0;            // in units of f32's last place
  // A row's root mean square of the difference over the standard deviation of its reference: free of the
  // logits' scale. Median and greatest over rows.
  double median_relative = 0;
  double max_relative = 0;
  double mean_kl = 0;  // nats, reference to changed
  double max_kl = 0;
  std::uint64_t nonfinite_rows = 0;  // with an infinity or NaN in the changed run and not in the reference
  // Share of tokens whose margin is less than twice their row's greatest difference: a flip was possible.
  Share at_risk;
  double first_step_max_relative = 0;  // max_relative of the first new token's rows alone,
  double later_step_max_relative = 0;  // and of the rows after it
};

struct Measures {
  Share differ;              // answers that are not the same
  Share first_token_differ;  // of them, already in the first token (first byte, where there are no tokens)
  double median_first_difference = 0;  // index of the first token that differs, over those that do
  double mean_length_reference = 0;    // tokens (bytes where there are none)
  double mean_length_changed = 0;
  Mean length_drift;  // of pairs, changed minus reference
  std::optional<Accuracy> accuracy;
  std::optional<LogitMeasures> logits;
  double tokens_per_second_reference = 0;  // new tokens
  double tokens_per_second_changed = 0;
};

// One factor changed against one reference.
struct Comparison {
  Factor factor = Factor::rerun;
  std::string reference;   // "batch 1"
  std::string changed;     // "batch 16"
  std::string conditions;  // what else was set: "f32, batch 8, left"
  std::string dtype;       // it ran in
  int batch_size = 1;      // of the changed run
  int reference_batch_size = 1;
  bool finest = false;      // in the engine's finest arithmetic, where faults stand out from rounding
  std::string not_offered;  // why there is none; empty: there is one
  std::string error;        // the engine failed; measures do not count
  Measures measures;
};

enum class VerdictKind {
  none,            // no difference in anything that was varied
  rounding,        // shape-dependent
  nondeterminism,  // run to run
  leak_between_rows,
  mask_fault,
  position_fault,
  shared_activation_scale,
  cache_fault,
  read_out_fault,
  overflow,
  unexplained,   // answers move beyond rounding, no rule fits
  not_measured,  // the engine failed, or offers too little
};
inline constexpr int kVerdictKinds = 12;
std::string_view name_of(VerdictKind kind);  // "mask fault"
std::string_view key_of(VerdictKind kind);   // "mask_fault", as JSON has it
std::optional<VerdictKind> verdict_of_key(std::string_view key);
bool is_bug(VerdictKind kind);  // all but none, rounding and not_measured

struct Verdict {
  VerdictKind kind = VerdictKind::none;
  std::string sentence;               // for people: what is the matter and how much
  std::vector<std::string> evidence;  // the figures it rests on
  std::string advice;                 // what to do next, in this engine's words
};

// A pair of answers that differ.
struct Example {
  std::string prompt_id;
  std::string question;  // the end of the prompt
  Factor factor = Factor::rerun;
  std::string reference_label, changed_label;
  std::string reference_text, changed_text;
  std::size_t first_difference = 0;  // byte in both texts
};

// One chosen token: how far the logits moved against the margin that the choice had.
struct NoisePoint {
  float noise = 0;   // greatest |Δlogit| of the row
  float margin = 0;  // between the two greatest logits of the reference
  bool flipped = false;
  Factor factor = Factor::batch_size;
};

// How the difference between two traces grows.
struct GrowthPoint {
  std::string op;  // "layers.3.attention"
  int layer = -1;
  int step = 0;
  double max_difference = 0;
  double max_ulp = 0;
  double relative = 0;  // root mean square of the difference over that of the reference
  bool inputs_equal = false;
};
struct TraceComparison {
  std::string a, b;                  // labels of the runs
  std::optional<GrowthPoint> first;  // operation that differs
  std::vector<int> shape;            // of its result: tokens, width
  // Operation that is far beyond rounding although what it reads is not: where a fault sits.
  std::optional<GrowthPoint> jump;
  std::vector<GrowthPoint> growth;     // all operations that both have, in their order
  Factor factor = Factor::batch_size;  // that the runs differ in
};

// Lengths of the answers of a run, for plots.
struct LengthDistribution {
  std::string label;  // "batch 16, right padding"
  std::vector<int> lengths;
};

struct EngineReport {
  EngineInfo info;
  std::vector<Comparison> comparisons;
  std::vector<Verdict> verdicts;  // worst first; at least one
  std::vector<Example> examples;
  std::vector<NoisePoint> noise;
  std::vector<LengthDistribution> lengths;  // the reference first
  std::vector<TraceComparison> traces;
  std::string error;  // the engine could not be audited to the end
  double seconds = 0;
};

struct AuditReport {
  int version = kReportVersion;
  std::string isobatch_version;
  std::string created;  // UTC, ISO 8601
  std::string command;
  std::string machine;
  // Of the audit, as given: {"batch sizes", "2,4,8,16"}. Shown as they are.
  std::vector<std::pair<std::string, std::string>> options;
  std::string prompts_name;  // file
  std::string prompts_hash;  // SHA-256
  int prompts = 0;
  int max_tokens = 0;
  std::uint64_t seed = 0;
  std::vector<EngineReport> engines;
};

}  // namespace isobatch::audit
