// Planted faults and clean engines against the verdicts: the confusion matrix of docs/audit.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "audit/padded/padded_engine.h"
#include "isobatch/audit/audit.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace isobatch::audit {
namespace {

// Prompts of random lengths and tokens.
std::vector<Prompt> random_prompts(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Prompt> prompts(8);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    prompts[i].id = fmt::format("p{}", i);
    const int length = 4 + static_cast<int>(random() % 24);
    for (int t = 0; t < length; ++t) prompts[i].tokens.push_back(static_cast<TokenId>(3 + random() % 256));
  }
  return prompts;
}

struct Case {
  std::vector<std::string> faults;
  std::string dtype;
  std::vector<VerdictKind> expected;  // one of
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {{}, "f32", {VerdictKind::none, VerdictKind::rounding}},
      {{}, "bf16", {VerdictKind::none, VerdictKind::rounding}},
      {{"no_mask"}, "f32", {VerdictKind::mask_fault}},
      {{"mask_off_by_one"}, "f32", {VerdictKind::mask_fault}},
      {{"nan_in_padding"}, "f32", {VerdictKind::mask_fault}},
      {{"positions_from_padding"}, "f32", {VerdictKind::position_fault}},
      {{"position_not_advanced"}, "f32", {VerdictKind::position_fault}},
      {{"neighbour_kv"}, "f32", {VerdictKind::leak_between_rows}},
      {{"batch_scale"}, "f32", {VerdictKind::shared_activation_scale}},
      {{"softmax_over_padding"}, "f32", {VerdictKind::mask_fault}},
      {{"wrong_last_token"}, "f32", {VerdictKind::read_out_fault}},
      {{"unordered_sum"}, "f32", {VerdictKind::nondeterminism}},
      {{"f16_overflow"}, "f32", {VerdictKind::overflow}},
      {{"cache_key_short"}, "f32", {VerdictKind::cache_fault}},
      // No attention mask at all: positions are counted from it, too.
      {{"no_mask", "positions_from_padding"}, "f32", {VerdictKind::mask_fault}},
      // A fault shows in the dtype that people run, too.
      {{"no_mask"}, "bf16", {VerdictKind::mask_fault}},
      {{"neighbour_kv"}, "bf16", {VerdictKind::leak_between_rows}},
      {{"wrong_last_token"}, "bf16", {VerdictKind::read_out_fault}},
  };
  return all;
}

int prompt_sets() {
  const char* asked = std::getenv("ISOBATCH_PROMPT_SETS");  // 50 for the figures in docs/results/audit.md
  return asked ? std::atoi(asked) : 5;
}

TEST(Confusion, EveryVerdictIsTheExpectedOne) {
  test::TempDir dir;
  EngineOptions options;
  options.model = dir / "model.gguf";
  test::write_random_model(options.model,
                           {.layers = 3, .matrix_type = TensorType::f32, .embedding_type = TensorType::f32});
  options.threads = 1;
  std::string matrix;
  for (const Case& c : cases()) {
    options.faults = c.faults;
    const std::string fault = c.faults.empty() ? "none" : fmt::format("{}", fmt::join(c.faults, " + "));
    PaddedEngine engine(options);
    std::map<std::string_view, int> verdicts;
    for (int set = 0; set < prompt_sets(); ++set) {
      AuditOptions audit;
      audit.batch_sizes = {4};
      audit.batch_size = 4;
      audit.probes = 8;
      audit.max_tokens = 6;
      audit.dtype = c.dtype;
      audit.seed = set;
      const EngineReport report = audit_engine(engine, random_prompts(1000 + set), audit);
      ASSERT_EQ(report.error, "");
      ASSERT_FALSE(report.verdicts.empty());
      ++verdicts[name_of(report.verdicts[0].kind)];
      const bool right = std::ranges::find(c.expected, report.verdicts[0].kind) != c.expected.end();
      std::string evidence;
      for (const std::string& line : report.verdicts[0].evidence) evidence += "\n  " + line;
      EXPECT_TRUE(right) << "fault " << fault << ", " << c.dtype << ", prompt set " << set << ": "
                         << name_of(report.verdicts[0].kind) << evidence;
      for (const Verdict& verdict : report.verdicts) {  // no false alarm beside it either
        EXPECT_TRUE(!is_bug(verdict.kind) || std::ranges::find(c.expected, verdict.kind) != c.expected.end())
            << "fault " << fault << ", " << c.dtype << ", prompt set " << set << ": also "
            << name_of(verdict.kind);
      }
    }
    matrix += fmt::format("{:<34}{:<6}", fault, c.dtype);
    for (const auto& [verdict, count] : verdicts) matrix += fmt::format("{} ×{}  ", verdict, count);
    matrix += '\n';
  }
  fmt::print("{}", matrix);
}

}  // namespace
}  // namespace isobatch::audit
