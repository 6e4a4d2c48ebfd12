// Runs requests in company and alone, and says where the results differ.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/hooks.h"
#include "isobatch/engine.h"
#include "tests/invariance/models.h"

namespace isobatch::invariance {

// What is under test: the engine with every table that runs here, or a mutant of it. A request runs alone on
// the first table.
struct Variant {
  engine::EngineHooks hooks;
  std::vector<const kernels::KernelTable*> tables = kernels::usable_tables();
};

struct Arrival {
  Request request;
  int steps_before = 0;  // of the engine, since the request before was submitted
};

struct Scenario {
  TestModelPtr model;
  Tuning tuning;
  const kernels::KernelTable* table = nullptr;
  std::vector<Arrival> arrivals;
};
std::ostream& operator<<(std::ostream& out, const Request& request);
std::ostream& operator<<(std::ostream& out, const Scenario& scenario);

// What the scenarios of a test did: a test in which nothing was preempted has not tested preemption.
struct Statistics {
  int scenarios = 0;
  int requests = 0;
  int failed_requests = 0;  // their logits are all NaN, as in company so alone
  int with_preemption = 0;  // scenarios
  int with_prefix_hit = 0;
  int without_kv_cache = 0;
  std::uint64_t max_decode_rows = 0;
  std::uint64_t drafted_tokens = 0;
  std::uint64_t accepted_tokens = 0;
  std::set<int> threads, page_sizes;
  std::map<std::string, int> tables;  // scenarios on each
  std::set<std::string> models;
};
std::ostream& operator<<(std::ostream& out, const Statistics& statistics);

class Harness {
 public:
  explicit Harness(Variant variant = {}) : variant_(std::move(variant)) {}

  const Variant& variant() const { return variant_; }
  const Statistics& statistics() const { return statistics_; }

  // Results in the order of the arrivals.
  std::vector<Result> run(const Scenario& scenario);
  // The request by itself with the default Tuning; remembered.
  const Result& alone(const TestModelPtr& model, const Request& request);
  // The first difference of any request in company from itself alone; empty when there is none.
  std::string difference(const Scenario& scenario);

 private:
  Variant variant_;
  Statistics statistics_;
  std::map<std::string, Result> alone_;  // by model and request
};

// The first difference in any bit; empty when there is none.
std::string difference(const Result& actual, const Result& expected);

}  // namespace isobatch::invariance
