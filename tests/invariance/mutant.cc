#include "tests/invariance/mutant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/invariance/property.h"

namespace isobatch::invariance {
namespace {

constexpr int kMaxCases = 60;
constexpr int kMinControlCases = 10;

// `difference` receives the last case's. Draws by index, so that with one seed a mutant and its control meet
// the same scenarios.
Verdict each_like_alone(const std::string& name, const Variant& variant, Choices choices, int cases,
                        std::string& difference) {
  Harness harness(variant);
  choices.tables = variant.tables;
  return check(name, cases, true, [&] {
    difference = harness.difference(*scenarios(choices));
    if (!difference.empty()) RC_FAIL(difference);
  });
}

}  // namespace

void expect_killed(const Mutant& mutant) {
  ASSERT_EQ(mutant.variant.tables.size(), mutant.control.tables.size());
  std::string difference;
  const Verdict verdict = each_like_alone(mutant.name, mutant.variant, mutant.choices, kMaxCases, difference);
  const int scenario = verdict.successes + 1;
  if (difference.empty()) {
    std::cout << "mutant " << mutant.name << ": SURVIVED" << std::endl;
    ADD_FAILURE() << "mutant " << mutant.name << " survived " << verdict.successes << " scenarios "
                  << verdict.report;
    return;
  }
  std::cout << "mutant " << mutant.name << ": killed by ARequestGetsWhatItGetsAlone, scenario " << scenario
            << ", " << difference << std::endl;
  const Verdict control = each_like_alone(mutant.name, mutant.control, mutant.choices,
                                          std::max(scenario, kMinControlCases), difference);
  EXPECT_TRUE(control.holds) << "control of mutant " << mutant.name << ": " << control.report;
}

}  // namespace isobatch::invariance
