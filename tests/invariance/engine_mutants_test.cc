// Faults in the engine's bookkeeping, each of which must be found by the property that the engine keeps.
#include <gtest/gtest.h>

#include "tests/invariance/attention_double.h"
#include "tests/invariance/mutant.h"

namespace isobatch::invariance {
namespace {

Choices choices(std::string_view model) {
  return {.model = [model] { return random_model(model, DType::native, KvDType::bf16); },
          .max_requests = 8,
          .max_prompt = 140,
          .max_new_tokens = 30};
}

// The control is the engine as it is.
Mutant with_hooks(const char* name, engine::EngineHooks hooks) {
  const std::vector<const kernels::KernelTable*> table = {kernels::usable_tables().front()};
  return {name, {std::move(hooks), table}, {{}, table}, choices("q8_0")};
}

// No kernel reads past a row's last key. This one multiplies the whole block by p = +0, which is right while
// pages are handed out zeroed and no row of the request itself, a rejected draft's neither, is inf behind one
// whose logits count.
TEST(Mutants, StalePageNotCleared) {
  Mutant mutant{.name = "stale page not cleared",
                .variant = {{}, {&attention_of_masked_values()}},
                .control = {{}, {&attention_of_masked_values()}},
                .choices = choices("f32")};
  mutant.choices.max_requests = 5;
  mutant.choices.max_prompt = 70;
  mutant.choices.max_new_tokens = 12;
  mutant.choices.speculating = false;
  mutant.choices.scoring = false;
  mutant.variant.hooks.prepare_page = [](std::byte*, std::size_t) {};
  expect_killed(mutant);
}

TEST(Mutants, RopePositionsOffAfterPreemption) {
  engine::EngineHooks hooks;
  hooks.position_shift_after_preemption = 1;
  expect_killed(with_hooks("rope positions off after preemption", std::move(hooks)));
}

// Trusted without confirmation. The control has the same hash, and the confirmation catches it.
TEST(Mutants, PageHashWithoutTheParent) {
  engine::EngineHooks hooks;
  hooks.prefix_hash = [](std::uint64_t, std::span<const TokenId> tokens, std::uint64_t salt) {
    return kv::hash_page(0, tokens, salt);
  };
  Mutant mutant = with_hooks("page hash without the parent", hooks);
  mutant.control.hooks = hooks;
  mutant.variant.hooks.confirm_prefix_hits = false;
  expect_killed(mutant);
}

TEST(Mutants, ACopiedBeginningWithoutItsLastToken) {
  engine::EngineHooks hooks;
  hooks.tokens_not_copied = 1;
  expect_killed(with_hooks("copied beginning without its last token", std::move(hooks)));
}

TEST(Mutants, ADraftAcceptedThatWasNotChosen) {
  engine::EngineHooks hooks;
  hooks.accept_any_draft = true;
  expect_killed(with_hooks("draft accepted that was not chosen", std::move(hooks)));
}

TEST(Mutants, PenaltiesOfTheNeighboursTokens) {
  engine::EngineHooks hooks;
  hooks.penalize_neighbours_tokens = true;
  expect_killed(with_hooks("penalties count the neighbour's tokens", std::move(hooks)));
}

TEST(Mutants, PenaltiesForgetDraftedTokens) {
  engine::EngineHooks hooks;
  hooks.forget_drafted_tokens = true;
  Mutant mutant = with_hooks("penalties forget drafted tokens", std::move(hooks));
  mutant.choices.max_new_tokens = 60;
  expect_killed(mutant);
}

TEST(Mutants, TheConstraintOfTheNeighbour) {
  engine::EngineHooks hooks;
  hooks.constrain_as_neighbour = true;
  expect_killed(with_hooks("constrained as the neighbour is", std::move(hooks)));
}

TEST(Mutants, SamplerKeyedBySlot) {
  engine::EngineHooks hooks;
  hooks.sampling = [](Sampling sampling, int slot) {
    sampling.seed = slot;
    return sampling;
  };
  expect_killed(with_hooks("sampler keyed by slot", std::move(hooks)));
}

}  // namespace
}  // namespace isobatch::invariance
