// The forms that a report is shown and kept in.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "isobatch/audit/gate.h"
#include "isobatch/audit/report.h"

namespace isobatch::audit {

// One JSON object, docs/audit-schema.md. Reading it gives the same report; bytes that are not UTF-8 became
// U+FFFD.
std::string to_json(const AuditReport& report);

// Throws Error(invalid_argument) with the path of the field; unsupported for another version. Fields that are
// not there keep their defaults, unknown ones are skipped.
AuditReport report_from_json(std::string_view json);

// What a gate adds to what is shown.
struct Judgement {
  std::vector<std::string> failures;  // of --fail-on; see failures()
  bool gated = false;                 // there were rules, whether they failed or not
  std::optional<BaselineComparison> baseline;
};

// The terminal's tables and verdicts in lines of at most `width` columns (40 or more). Control characters of
// what engines wrote are shown as "?".
std::string to_text(const AuditReport& report, int width, bool color, const Judgement& judgement = {});

// One page that loads nothing and runs nothing.
std::string to_html(const AuditReport& report, const Judgement& judgement = {});

}  // namespace isobatch::audit
