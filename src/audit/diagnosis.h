// From measures to a verdict. The rules and why they hold: docs/audit.md.
#pragma once

#include <string>
#include <vector>

#include "isobatch/audit/report.h"

namespace isobatch::audit {

// The relative difference (LogitMeasures::relative) of two runs in `dtype` that rounding does not reach.
double rounding_limit(const std::string& dtype);

// Whether a comparison has moved anything at all, and whether beyond rounding in its dtype.
bool moved(const Comparison& comparison);
bool beyond_rounding(const Comparison& comparison);

// Worst first; at least one.
std::vector<Verdict> diagnose(const EngineReport& report);

// What to do about a verdict, in the engine's own words, of an audit in `dtype`. It does not propose what the
// engine's details say is done already.
std::string advice(VerdictKind kind, const EngineInfo& engine, const std::string& dtype);

}  // namespace isobatch::audit
