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

// Called now and then: what is running, and the share of the engine's work that is done.
using AuditProgress = std::function<void(std::string_view what, double fraction)>;

// Audits one engine. Never throws for what the engine does: its failures are in the report.
EngineReport audit_engine(EngineUnderTest& engine, const std::vector<Prompt>& prompts,
                          const AuditOptions& options, const AuditProgress& progress = {});

// How many requests audit_engine would send.
std::uint64_t count_requests(const EngineInfo& engine, std::size_t prompts, const AuditOptions& options);

// Two traces, operation by operation, those that both have.
TraceComparison compare_traces(const Trace& a, const Trace& b, std::string_view a_label,
                               std::string_view b_label);

// Lines of the forms that `batch` takes, and {"id", "messages", "answer"}. Throws Error: not_found, io,
// invalid_argument with the line's number.
std::vector<Prompt> read_prompts(const std::filesystem::path& file);

// The report as one JSON object (docs/audit-schema.md), as a self-contained HTML page, and as the text of the
// terminal's table and verdicts.
std::string to_json(const AuditReport& report);
AuditReport report_from_json(std::string_view json);  // throws Error(invalid_argument)
std::string to_html(const AuditReport& report);
std::string to_text(const AuditReport& report, int width, bool color);

}  // namespace isobatch::audit
