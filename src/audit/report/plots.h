// The plots of a report: each is a <figure>, or empty where there is nothing to plot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

// A drawing or several, with a title and a sentence that says how to read it. Both are escaped here.
std::string figure(std::string_view title, std::string_view reading,
                   const std::vector<std::string>& drawings);

std::string flips_figure(const AuditReport& report);       // changed answers by batch size
std::string throughput_figure(const AuditReport& report);  // tokens/s by batch size
// Of one engine, `index` in its report, which gives the color. `explain`: how to read it; once on a page is
// enough.
std::string lengths_figure(const EngineReport& engine, int index, bool explain);
std::string movement_figure(const EngineReport& engine, int index, bool explain);
std::string noise_figure(const EngineReport& engine, int index, bool explain);
std::string growth_figures(const EngineReport& engine, int index);  // one for each trace

// A share and its interval on an axis from 0 to 100 %, to stand in a table; decorative, the text says the
// same.
std::string share_glyph(const Share& share, int engine);

}  // namespace isobatch::audit
