// Each hook lets a fault in, and the digests show it: otherwise the invariance tests would prove nothing.
#include <gtest/gtest.h>

#include <cstring>

#include "engine/engine_test_support.h"

namespace isobatch::engine {
namespace {

struct Hooks : testing::Test {
  std::shared_ptr<const Model> model = make_fake_model(256);
  std::shared_ptr<FakeTransformer> transformer = std::make_shared<FakeTransformer>();
  EngineHooks hooks;
  Tuning tuning;
  float frequency_penalty = 0;

  Hooks() {
    transformer->reads_stale_memory = true;
    hooks.transformer = transformer;
    hooks.kernels = &fake_kernels();
    // Small: requests wait, are preempted, and get pages that others have used.
    tuning.threads = 1;
    tuning.kv_bytes = 7 * transformer->kv_layout(KvDType::f32, tuning.page_size).page_bytes();
  }

  // Whether every request of a fixed set gets what it gets alone, without the fault.
  bool invariant() {
    EngineHooks clean;
    clean.transformer = hooks.transformer;
    clean.kernels = hooks.kernels;
    std::vector<Request> requests(6);
    for (int i = 0; i < 6; ++i) {
      requests[i].prompt.assign(40, 2 + i % 3);
      if (i >= 3) requests[i].prompt[0] = 9;  // the second page's tokens follow another beginning
      requests[i].prompt.resize(70, 20);
      requests[i].max_tokens = 50;
      requests[i].ignore_eos = true;
      requests[i].sampling.temperature = 1;
      requests[i].sampling.frequency_penalty = frequency_penalty;
    }
    const auto engine = make_engine_with_hooks(model, tuning, hooks);
    for (const Request& request : requests) engine->submit(request);
    const std::vector<Result> results = run_all(*engine);
    for (int i = 0; i < 6; ++i) {
      if (!same(results[i], run_alone(model, requests[i], clean))) return false;
    }
    return true;
  }
};

TEST_F(Hooks, WithoutFaultNothingDiffers) {
  EXPECT_TRUE(invariant());
  tuning.prefix_cache = false;
  EXPECT_TRUE(invariant());
}

TEST_F(Hooks, AStalePageNotCleared) {
  hooks.prepare_page = [](std::byte*, std::size_t) {};
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, PositionsOffAfterPreemption) {
  hooks.position_shift_after_preemption = 1;
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, PageHashWithoutTheParent) {
  tuning.kv_bytes *= 4;  // all run at once, so nothing is evicted
  hooks.prefix_hash = [](std::uint64_t, std::span<const TokenId> tokens, std::uint64_t salt) {
    return kv::hash_page(0, tokens, salt);
  };
  EXPECT_TRUE(invariant());  // the confirmation catches it
  hooks.confirm_prefix_hits = false;
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, ADraftThatWasNotChosen) {
  transformer->reads_stale_memory = false;  // rejected drafts leave some
  tuning.speculate = 3;
  EXPECT_TRUE(invariant());
  hooks.accept_any_draft = true;
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, PenaltiesOfTheNeighboursTokens) {
  frequency_penalty = 1;
  EXPECT_TRUE(invariant());
  hooks.penalize_neighbours_tokens = true;
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, PenaltiesForgetDraftedTokens) {
  transformer->reads_stale_memory = false;
  // Every token is likely after itself, so drafts are right, unless the penalty forbids them.
  transformer->logits = [](std::span<const TokenId> tokens, float* logits) {
    for (int v = 0; v < kFakeVocab; ++v) logits[v] = v == tokens.back() ? 8.0f : 0.0f;
  };
  tuning.speculate = 3;
  frequency_penalty = 1;
  EXPECT_TRUE(invariant());
  hooks.forget_drafted_tokens = true;
  EXPECT_FALSE(invariant());
}

TEST_F(Hooks, SamplerKeyedBySlot) {
  hooks.sampling = [](Sampling sampling, int slot) {
    sampling.seed = slot;
    return sampling;
  };
  EXPECT_FALSE(invariant());
}

}  // namespace
}  // namespace isobatch::engine
