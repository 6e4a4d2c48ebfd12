// Audits that end early: stopped from outside, or by an engine that fails.
#include "isobatch/audit/audit.h"

#include <gmock/gmock.h>

#include "audit/diagnosis.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

using ::testing::HasSubstr;

// Says the same whatever it is asked, and fails from call `fails_from` on.
class ConstantEngine final : public EngineUnderTest {
 public:
  explicit ConstantEngine(int fails_from = 1 << 30, bool* failing = nullptr)
      : fails_from_(fails_from), failing_(failing) {
    info_.name = "constant";
    info_.dtypes = {"f32"};
    for (int factor = 0; factor < kFactors; ++factor) info_.factors.insert(static_cast<Factor>(factor));
    info_.tokens = true;
    info_.vocab_size = 100;
  }
  const EngineInfo& info() const override { return info_; }
  std::vector<TokenId> tokenize(const Prompt&) override { return {1, 2, 3}; }
  std::vector<Answer> generate(const Batch& batch, const Setting&) override {
    if (++calls_ >= fails_from_) {
      if (failing_) *failing_ = true;
      throw Error(ErrorCode::unsupported, "killed");
    }
    Answer answer;
    answer.tokens = {4, 5};
    answer.text = "yes";
    return std::vector<Answer>(batch.rows.size(), answer);
  }

 private:
  EngineInfo info_;
  int fails_from_, calls_ = 0;
  bool* failing_;  // set with the first failure
};

std::vector<Prompt> prompts() {
  std::vector<Prompt> all(16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].id = std::to_string(i);
  return all;
}

TEST(Audit, GoesOnToItsEnd) {
  ConstantEngine engine;
  const EngineReport report = audit_engine(engine, prompts(), {}, [](auto, double) { return true; });
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.verdicts.at(0).kind, VerdictKind::none);
}

TEST(Audit, StopsWithWhatItHas) {
  ConstantEngine engine;
  double reached = 0;
  const EngineReport report = audit_engine(engine, prompts(), {}, [&](std::string_view, double fraction) {
    reached = fraction;
    return fraction < 0.5;
  });
  EXPECT_LT(reached, 0.7);
  EXPECT_GT(report.comparisons.size(), 2u);
  EXPECT_THAT(report.error, HasSubstr("stopped after " + std::to_string(report.comparisons.size()) + " of "));
  EXPECT_FALSE(report.lengths.empty());
  // Half of an audit does not call an engine clean.
  ASSERT_EQ(report.verdicts.size(), 1u);
  EXPECT_EQ(report.verdicts[0].kind, VerdictKind::not_measured);
  EXPECT_THAT(report.verdicts[0].sentence, HasSubstr("stopped after"));
}

TEST(Audit, AnEngineThatDiesOfTheStopHasNotFailed) {
  // As with Ctrl-C, which reaches an engine's process, too.
  bool stop = false;
  ConstantEngine engine(/*fails_from=*/60, &stop);
  const EngineReport report = audit_engine(engine, prompts(), {}, [&](auto, double) { return !stop; });
  EXPECT_THAT(report.error, HasSubstr("stopped after "));
  for (const Comparison& c : report.comparisons) EXPECT_EQ(c.error, "");
}

TEST(Audit, AnEngineThatFailsAgainAndAgainIsGivenUp) {
  ConstantEngine engine(/*fails_from=*/60);
  const EngineReport report = audit_engine(engine, prompts(), {}, {});
  EXPECT_EQ(report.error, "killed");
  EXPECT_EQ(report.verdicts.at(0).kind, VerdictKind::not_measured);
}

TEST(Audit, AnAuditThatWasStoppedDoesNotBlameTheEngine) {
  Comparison text_moved, logits_moved;
  text_moved.factor = Factor::padding_side;
  text_moved.dtype = "bf16";
  text_moved.measures.accuracy.emplace().p_value = 1e-6;
  logits_moved.factor = Factor::batch_size;
  logits_moved.dtype = "f32";
  logits_moved.finest = true;
  LogitMeasures& logits = logits_moved.measures.logits.emplace();
  logits.max_relative = logits.first_step_max_relative = 1;
  for (const auto& [moved, if_whole] :
       {std::pair(text_moved, "the engine shows too little"),
        std::pair(logits_moved, "neither padding nor neighbours explain it")}) {
    EngineReport report;
    report.comparisons.push_back(moved);
    EXPECT_THAT(diagnose(report).at(0).sentence, HasSubstr(if_whole));
    report.error = "stopped after 1 of 9 comparisons";
    EXPECT_THAT(diagnose(report).at(0).sentence,
                HasSubstr("did not get to what would say why: stopped after 1"));
  }
}

TEST(Advice, DoesNotProposeWhatIsDone) {
  EngineInfo engine;
  engine.name = "llama.cpp";
  EXPECT_THAT(advice(VerdictKind::rounding, engine, ""), HasSubstr("Give each sequence its own stream"));
  engine.details = {{"unified KV cache", "off"}};
  EXPECT_THAT(advice(VerdictKind::rounding, engine, ""), HasSubstr("has its own stream"));
  engine.name = "hf";
  EXPECT_THAT(advice(VerdictKind::rounding, engine, "bf16"), HasSubstr("torch.float32"));
  EXPECT_THAT(advice(VerdictKind::rounding, engine, "f32"), HasSubstr("which this is"));
  for (int kind = 0; kind < kVerdictKinds; ++kind) {
    EXPECT_NE(advice(static_cast<VerdictKind>(kind), {}, ""), "") << kind;
  }
}

}  // namespace
}  // namespace isobatch::audit
