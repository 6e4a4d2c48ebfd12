// Draws random scenarios; to be called inside a RapidCheck property.
#pragma once

#include <rapidcheck.h>

#include <functional>

#include "tests/invariance/harness.h"

namespace isobatch::invariance {

// What is drawn from, and how far.
struct Choices {
  std::function<TestModelPtr()> model;  // draws one
  int max_requests = 10;
  int max_prompt = 170;
  int max_new_tokens = 40;
  bool speculating = true;
  bool scoring = true;  // some requests ask for the log-probabilities of their prompts
  std::vector<const kernels::KernelTable*> tables = kernels::usable_tables();
};

// From the whole range in the first case already; RapidCheck's inRange begins with small values.
template <typename T>
T pick(T low, T high) {
  return *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high)));
}

// One of the random models, with any dtype and KV dtype.
TestModelPtr draw_random_model();

// Prompts have common beginnings, so that prefixes meet, and common text behind different beginnings.
Request draw_request(const TestModel& model, const Choices& choices);

Scenario draw_scenario(const Choices& choices);

// Prints the scenario in a counterexample.
rc::Gen<Scenario> scenarios(const Choices& choices);

}  // namespace isobatch::invariance
