// Engines with one fault each. The suite's property must tell each from the engine; otherwise the property
// proves nothing.
#pragma once

#include <string>

#include "tests/invariance/generate.h"

namespace isobatch::invariance {

struct Mutant {
  std::string name;
  Variant variant;  // with the fault
  Variant control;  // the same doubles without it
  Choices choices;  // tables are the variant's
};

// Runs the mutant on random scenarios until a request differs from itself alone, and the control on the same
// scenarios. Prints "mutant <name>: killed by …". The test fails when the mutant survives or the control
// differs.
void expect_killed(const Mutant& mutant);

// A table like ref, with a change.
template <typename Change>
kernels::KernelTable changed_table(std::string_view name, Change&& change) {
  kernels::KernelTable table = kernels::ref_table();
  table.name = name;
  change(table);
  return table;
}

}  // namespace isobatch::invariance
