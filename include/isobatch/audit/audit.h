// An audit: each factor changed alone against a base, measured, and explained.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/audit/engine.h"
#include "isobatch/audit/render.h"
#include "isobatch/audit/report.h"

namespace isobatch::audit {

struct AuditOptions {
  std::vector<int> batch_sizes = {2, 4, 8, 16};
  int batch_size = 8;              // where a factor needs a batch
  int max_tokens = 24;             // of an answer
  int logits_steps = 4;            // compared per answer, where logits are offered
  int probes = 24;                 // prompts of the factors that are measured one prompt at a time
  std::set<Factor> factors;        // empty: all
  std::string dtype;               // of the base; empty: the engine's default
  std::uint64_t seed = 1;          // of orders and of neighbours' content
  std::uint64_t max_requests = 0;  // 0: no limit; else Error(invalid_argument) before any is sent
};

// Called now and then: what is running, and the share of the engine's work that is done. Whether to go on:
// if not, the audit ends there, and its report has what was measured.
using AuditProgress = std::function<bool(std::string_view what, double fraction)>;

// Audits one engine. What the engine does wrong is in the report, its failures too. Throws
// Error(invalid_argument) for options that make no sense.
EngineReport audit_engine(EngineUnderTest& engine, const std::vector<Prompt>& prompts,
                          const AuditOptions& options, const AuditProgress& progress = {});

// How many requests audit_engine may send.
std::uint64_t count_requests(const EngineInfo& engine, std::size_t prompts, const AuditOptions& options);

// Two traces, operation by operation, those that both have, up to the first step whose token differs.
// `limit`: relative difference that rounding does not reach.
TraceComparison compare_traces(const Trace& a, const Trace& b, double limit);

// One side of `isobatch trace`: an engine and how it runs a prompt.
struct TracedRun {
  std::string engine;               // by name
  std::vector<std::string> faults;  // planted, of `padded`
  Setting setting;
  int batch_size = 1;      // the prompts beside it in the file, in its batch
  bool reversed = false;   // their order
  std::string neighbours;  // "a" or "b": the auditor's own rows beside it instead
  std::string label;       // as it was written
};
// "ENGINE" or "ENGINE:key=value,…" with the keys batch, order (given, reversed), neighbours (a, b), dtype,
// kv_dtype, side (left, right), value (token), extra (columns), kv_cache (on, off), chunk, threads, fault
// (repeatable). Throws Error(invalid_argument).
TracedRun parse_traced_run(std::string_view text);

// The operations of prompt `index` in both runs, over its first `steps` steps. Throws Error:
// invalid_argument, unsupported when an engine shows none, what the engines throw.
TraceComparison trace_runs(EngineUnderTest& engine_a, const TracedRun& a, EngineUnderTest& engine_b,
                           const TracedRun& b, const std::vector<Prompt>& prompts, std::size_t index,
                           int steps);

// Lines of the forms that `batch` takes, and {"id", "messages", "answer"}. Throws Error: not_found, io,
// invalid_argument with the line's number.
std::vector<Prompt> read_prompts(const std::filesystem::path& file);

// Whether the first word of `text` is `answer`, whatever the case.
bool is_right(std::string_view text, std::string_view answer);

// A report without engines: what is known before the first has started. `created` and `machine` are of now
// and here; hashes the file. Throws Error(io).
AuditReport start_report(const std::filesystem::path& prompts_file, std::size_t prompts,
                         const AuditOptions& options, std::string command);

}  // namespace isobatch::audit
