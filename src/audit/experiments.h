// What an audit compares: each factor changed alone against a reference, then the pairs that matter.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "audit/lab.h"

namespace isobatch::audit {

struct Experiment {
  Factor factor = Factor::rerun;
  RunSpec reference;
  RunSpec changed;
  std::string reference_label;  // "left"
  std::string changed_label;    // "right"
  std::size_t prompts = 0;      // the first so many
  // The engine's finest arithmetic, where a fault stands out from rounding: what the diagnosis looks at.
  bool finest = false;
  // Repeats an earlier experiment on the factor in that arithmetic: of use only if the earlier one has moved
  // a bit.
  bool repeats = false;
  std::string not_offered;  // why the engine cannot do it; empty: it can
};

// In the order of reports. `prompts`: how many there are.
std::vector<Experiment> plan_experiments(const EngineInfo& engine, std::size_t prompts,
                                         const AuditOptions& options);

// "f32, batch 8, right padding": all that a run's setting says, but for what `factor` is about.
std::string describe_conditions(const RunSpec& spec, Factor factor, const EngineInfo& engine);

// The dtype that a setting names.
const std::string& dtype_of(const Setting& setting, const EngineInfo& engine);

// The dtype in which rounding is least: f32 where it is offered, else the base's.
std::string finest_dtype(const EngineInfo& engine, const AuditOptions& options);

}  // namespace isobatch::audit
