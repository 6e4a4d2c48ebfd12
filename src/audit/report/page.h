// The parts of the HTML page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/report/wording.h"
#include "isobatch/audit/render.h"

namespace isobatch::audit {

extern const std::string_view kStyle;

// Each adds a section; those with nothing to say add none.
void add_verdicts(std::string& page, const AuditReport& report);
void add_judgement(std::string& page, const Judgement& judgement);
void add_overview(std::string& page, const AuditReport& report, const std::vector<OverviewRow>& rows);
void add_plots(std::string& page, const AuditReport& report);
void add_examples(std::string& page, const AuditReport& report);
void add_measures(std::string& page, const AuditReport& report, const std::vector<OverviewRow>& rows);
void add_origin(std::string& page, const AuditReport& report);  // what it takes to repeat the audit

}  // namespace isobatch::audit
