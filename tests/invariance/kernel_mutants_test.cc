// Faults in kernels, each of which must be found by the property that the engine keeps.
#include <gtest/gtest.h>

#include "tests/invariance/attention_double.h"
#include "tests/invariance/matmul_double.h"
#include "tests/invariance/mutant.h"

namespace isobatch::invariance {
namespace {

// The doubles are scalar: small scenarios.
Choices small_choices(std::string_view model) {
  return {.model = [model] { return random_model(model, DType::native, KvDType::bf16); },
          .max_requests = 5,
          .max_prompt = 70,
          .max_new_tokens = 12};
}

// The control is ref.
Mutant with_table(const char* name, std::string_view model, const kernels::KernelTable& table) {
  return {name, {{}, {&table}}, {{}, {&kernels::ref_table()}}, small_choices(model)};
}

// The control is the faultless double: in company it must give what ref gives alone.
Mutant with_attention(const char* name, std::string_view model, const kernels::KernelTable& table) {
  return {
      name, {{}, {&table, &table}}, {{}, {&kernels::ref_table(), &attention_double()}}, small_choices(model)};
}

TEST(Mutants, SumByLaneCountOfTheTable) {
  Mutant mutant = with_table("sum by lane count: 8 against 16", "f16", matmul_in_16_lanes());
  mutant.variant.tables = {&matmul_in_16_lanes(), &matmul_in_8_lanes()};
  mutant.control.tables = {&matmul_in_16_lanes(), &matmul_in_16_lanes()};
  expect_killed(mutant);
}

TEST(Mutants, SumByLanesWhenThereIsOneRow) {
  expect_killed(with_table("sum by lane count: lanes when alone", "f16", matmul_in_lanes_when_alone()));
}

// Rounding results to bf16 hides most of a sum's last bits, not all.
TEST(Mutants, SumByLanesWhenThereIsOneRowInBf16) {
  Mutant mutant =
      with_table("N-DOT-B by lane count: lanes when alone", "f16", matmul_b_in_lanes_when_alone());
  mutant.choices.model = [] { return random_model("f16", DType::bf16, KvDType::bf16); };
  expect_killed(mutant);
}

TEST(Mutants, ActivationScaleOverTheBatch) {
  expect_killed(with_table("activation scale over the batch", "q8_0", scale_over_the_batch()));
}

TEST(Mutants, MinimumJoinedByRowCount) {
  expect_killed(with_table("minimum term joined by row count", "q4_1", minima_joined_by_rows()));
}

TEST(Mutants, KeysUnroundedForTheCurrentChunk) {
  expect_killed(with_attention("K unrounded for the current chunk", "q4_0", attention_with_unrounded_keys()));
}

TEST(Mutants, ValuesUnroundedForTheCurrentChunk) {
  expect_killed(
      with_attention("V unrounded for the current chunk", "q4_0", attention_with_unrounded_values()));
}

TEST(Mutants, BlocksCountedFromTheChunk) {
  expect_killed(
      with_attention("attention blocks counted from the chunk", "q8_0", attention_in_blocks_from_chunk()));
}

// This model has a token whose V is inf; rows before it are scored.
TEST(Mutants, MaskedValueMultiplied) {
  expect_killed(
      with_attention("masked V multiplied, inf in a future row", "f32", attention_of_masked_values()));
}

}  // namespace
}  // namespace isobatch::invariance
