// RapidCheck with a fixed seed, so that a run can be repeated. RC_PARAMS overrides: "seed=7" tries other
// cases, "max_success=N" runs N percent of each property's cases.
#pragma once

#include <rapidcheck.h>

#include <functional>
#include <string>

namespace isobatch::invariance {

struct Verdict {
  bool holds = false;
  int successes = 0;   // cases that passed, before the first that did not
  std::string report;  // RapidCheck's, with the counterexample
};

// Runs `property` on `cases` random cases. `exact`: RC_PARAMS does not scale them, and a counterexample is
// not shrunk.
Verdict check(const std::string& name, int cases, bool exact, const std::function<void()>& property);

// The test fails, with a shrunk counterexample, unless `property` holds.
void expect_holds(int cases, const std::function<void()>& property);

}  // namespace isobatch::invariance
