// Logits in bf16 tie often: between 8 and 16 they are 1/16 apart. The smaller token id wins, in any batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/float16.h"
#include "engine/model_parts.h"
#include "tests/invariance/harness.h"
#include "tests/support/random.h"

namespace isobatch::invariance {
namespace {

// What greedy decoding must choose from a row of logits.
struct Choice {
  TokenId smallest;  // of the greatest logit
  int holders;       // tokens that have it
};

Choice choice_of(std::span<const float> row) {
  const float greatest = *std::ranges::max_element(row);
  return {static_cast<TokenId>(std::ranges::find(row, greatest) - row.begin()),
          static_cast<int>(std::ranges::count(row, greatest))};
}

// Remembers the choices of all rows. For an engine with one request at a time.
class Observer : public model::Transformer {
 public:
  explicit Observer(std::shared_ptr<const Model> model)
      : model_(std::move(model)), transformer_(*model_->parts().transformer) {}
  const ModelInfo& info() const override { return transformer_.info(); }
  kernels::KvLayout kv_layout(KvDType dtype, int page_size) const override {
    return transformer_.kv_layout(dtype, page_size);
  }
  void forward(const model::Step& step, const model::KvMemory& kv, const model::Execution& execution,
               float* logits) const override {
    transformer_.forward(step, kv, execution, logits);
    const std::size_t vocab = info().vocab_size;
    for (std::size_t i = 0; i < step.logits_rows.size(); ++i) {
      const std::span row(logits + i * vocab, vocab);
      choices_.push_back(choice_of(row));
      in_bf16_ = in_bf16_ && std::ranges::all_of(row, [](float x) { return round_to_bf16(x) == x; });
    }
  }
  const std::vector<Choice>& choices() const { return choices_; }
  bool in_bf16() const { return in_bf16_; }

 private:
  std::shared_ptr<const Model> model_;
  const model::Transformer& transformer_;
  mutable std::vector<Choice> choices_;
  mutable bool in_bf16_ = true;
};

// Runs each request alone, looking at its logits, then all at once. Returns how many tokens were chosen from
// a tie.
int expect_ties_go_to_the_smaller_id(const TestModelPtr& model, const std::vector<Request>& requests) {
  int tokens = 0, ties = 0;
  std::vector<Result> alone;
  for (const Request& request : requests) {
    const auto observer = std::make_shared<Observer>(model->model);
    engine::EngineHooks hooks;
    hooks.transformer = observer;
    const auto engine = make_engine_with_hooks(model->model, {}, hooks);
    engine->submit(request);
    while (engine->step()) {
    }
    alone.push_back(std::move(engine->take_finished().front().second));
    const std::vector<TokenId>& chosen = alone.back().tokens;
    EXPECT_TRUE(observer->in_bf16());
    EXPECT_EQ(chosen.size(), observer->choices().size());
    for (std::size_t i = 0; i < chosen.size(); ++i, ++tokens) {
      EXPECT_EQ(chosen[i], observer->choices()[i].smallest);
      ties += observer->choices()[i].holders > 1;
    }
  }
  Scenario together{model, {}, kernels::usable_tables().front(), {}};
  for (const Request& request : requests) together.arrivals.push_back({request});
  const std::vector<Result> results = Harness().run(together);
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(difference(results[i], alone[i]), "");
  std::cout << model->name << ": " << ties << " ties in " << tokens << " tokens" << std::endl;
  return ties;
}

std::vector<Request> random_requests(int count, int max_tokens) {
  test::Random random(31);
  std::vector<Request> requests(count);
  for (Request& request : requests) {
    for (std::uint64_t i = 1 + random.below(40); i > 0; --i) {
      request.prompt.push_back(static_cast<TokenId>(3 + random.below(280)));
    }
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
  }
  return requests;
}

TEST(Ties, OfRandomModelsGoToTheSmallerId) {
  int ties = 0;
  for (const std::string_view name : random_model_names()) {
    const TestModelPtr model = random_model(name, DType::bf16, KvDType::bf16);
    if (model->overflow_token >= 0) continue;  // its logits are NaN
    ties += expect_ties_go_to_the_smaller_id(model, random_requests(20, 30));
  }
  EXPECT_GT(ties, 10);
}

TEST(Ties, OfTheDefaultModelGoToTheSmallerId) {
  const TestModelPtr model = default_model(DType::bf16);
  if (!model) GTEST_SKIP() << "the default model's file is not in the cache";
  EXPECT_GT(expect_ties_go_to_the_smaller_id(model, random_requests(12, 12)), 0);
}

}  // namespace
}  // namespace isobatch::invariance
