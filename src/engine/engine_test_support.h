// A model without arithmetic: its "keys and values" are the tokens themselves, written to the pages, and its
// logits are a hash of what it reads back through the block table. Wrong bookkeeping of pages shows in the
// digest.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/hooks.h"
#include "isobatch/engine.h"
#include "kernels/kernels.h"
#include "model/transformer.h"

namespace isobatch::engine {

inline constexpr int kFakeVocab = 64;
inline constexpr TokenId kFakeEnd = 0;

class FakeTransformer : public model::Transformer {
 public:
  // Fills `logits` [kFakeVocab] from the tokens up to the row's own, as read from the pages.
  using Logits = std::function<void(std::span<const TokenId> tokens, float* logits)>;

  FakeTransformer();
  const ModelInfo& info() const override { return info_; }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override;
  void forward(const model::Step& step, const model::KvMemory& kv, const model::Execution& execution,
               float* logits) const override;

  Logits logits;  // default: a hash
  bool reads_stale_memory =
      false;                 // also hashes what lies behind the rows of the step: zeros, if all is well
  mutable int failures = 0;  // so many forward passes throw
  mutable std::vector<int> step_rows;

 private:
  ModelInfo info_;
};

// Token 0 ends, token 1 is another control token; 2 … 27 are "a" … "z", 28 and 29 the two bytes of "é", the
// others " <id>". `context` in positions.
std::shared_ptr<const Model> make_fake_model(int context);

// A table with what the engine itself calls; no matrix products.
inline const kernels::KernelTable& fake_kernels() { return kernels::ref_table(); }

// Runs until nothing is left. Results in the order of submission.
std::vector<Result> run_all(Engine& engine);
// One request in a fresh engine.
Result run_alone(std::shared_ptr<const Model> model, const Request& request, const EngineHooks& hooks);

// Tests of an engine whose logits they make up.
struct FakeEngineTest : testing::Test {
  std::shared_ptr<const Model> model;
  std::shared_ptr<FakeTransformer> transformer = std::make_shared<FakeTransformer>();
  Tuning tuning;

  explicit FakeEngineTest(int context = 256);
  std::unique_ptr<Engine> make();
  Result run(const Request& request);  // in an engine of its own
};

// Equal in every bit.
bool same(const Result& a, const Result& b);

}  // namespace isobatch::engine
