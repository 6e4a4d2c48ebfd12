// What bench runs: phases of prefill and decode on random prompts, and what they cost by the shapes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "isobatch/measure.h"
#include "isobatch/model.h"

namespace isobatch::cli {

struct BenchPlan {
  std::vector<int> prefill_tokens = {512};
  std::vector<int> batch_sizes = {1, 4, 16, 64};
  int prompt_tokens = 128;  // of each request before it decodes
  int new_tokens = 32;      // the first of them comes from the prompt's last step
  int repetitions = 3;
};

// What one token costs, from the shapes; a multiply-add is two operations.
struct Cost {
  double bytes = 0;                 // weights (shared by the rows of a step) and KV cache read
  double quantized_operations = 0;  // products with quantized weights
  double float_operations = 0;      // products with float weights, attention
  double operations() const { return quantized_operations + float_operations; }
};

struct Phase {
  bool decode = false;
  int size = 0;  // prompt tokens of a prefill, batch size of a decode
  Cost cost;
  double rate = 0;          // tokens/s, median of the repetitions
  double step_seconds = 0;  // of one forward pass, median
  double least_step_seconds = 0;
  std::optional<StepTimes> profile = std::nullopt;

  std::string name() const;  // "prefill 512", "decode, batch 16"
};

std::vector<Phase> plan_phases(const BenchPlan& plan, const Model& model, const Tuning& tuning);

// Fills in rate and step_seconds. The repetitions take turns, so that a slow minute of the machine does not
// fall on one figure. Throws Error.
void measure_phases(std::vector<Phase>& phases, const BenchPlan& plan, const Model& model, Engine& engine);

// Fills in `profile`, from one run of each phase.
void profile_phases(std::vector<Phase>& phases, const BenchPlan& plan, const Model& model,
                    ProfiledEngine& engine);

}  // namespace isobatch::cli
