#include "audit/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace isobatch::audit {
namespace {

bool measured(const Comparison& c) { return c.not_offered.empty() && c.error.empty(); }

// What is asked of an engine, not how it is run.
bool is_asked(Factor factor) { return factor == Factor::dtype || factor == Factor::kv_dtype; }

std::string percent(double share) { return fmt::format("{:.3g} %", 100 * share); }

// "neighbours' content, some neighbours → others (f32, batch 8): 3 of 24 answers differ (4–31 %), …"
std::string evidence(const Comparison& c) {
  const Measures& m = c.measures;
  std::string text = fmt::format("{}, {} → {} ({}): {} of {} answers differ", name_of(c.factor), c.reference,
                                 c.changed, c.conditions, m.differ.count, m.differ.of);
  if (m.differ.count > 0) {
    text += fmt::format(" ({:.0f}–{:.0f} %)", 100 * m.differ.low, 100 * m.differ.high);
  }
  if (m.logits) {
    const LogitMeasures& l = *m.logits;
    if (l.nonfinite_rows > 0) {
      text += fmt::format("; {} of {} rows of logits are infinite or NaN", l.nonfinite_rows, l.rows);
    }
    if (l.rows_equal == l.rows) {
      text += "; all logits equal bit for bit";
    } else {
      text += fmt::format("; {} of {} rows of logits moved, by up to {} of their spread",
                          l.rows - l.rows_equal, l.rows, percent(l.max_relative));
    }
  }
  if (m.length_drift.excludes_zero()) {
    text += fmt::format("; mean length {:.1f} → {:.1f}", m.mean_length_reference, m.mean_length_changed);
  }
  if (m.accuracy && m.accuracy->p_value < 0.05) {
    text += fmt::format("; right {:.0f} % → {:.0f} % (p = {:.2g})", 100 * m.accuracy->reference.value(),
                        100 * m.accuracy->changed.value(), m.accuracy->p_value);
  }
  return text;
}

std::string evidence(const TraceComparison& t) {
  const auto place = [](const GrowthPoint& p) {
    return fmt::format("{} ({})", p.op, p.step == 0 ? "prompt" : fmt::format("new token {}", p.step));
  };
  if (t.jump) {
    return fmt::format("trace, {} against {}: {} is off by {} although what it reads agrees", t.a, t.b,
                       place(*t.jump), percent(t.jump->relative));
  }
  if (t.first) {
    return fmt::format("trace, {} against {}: the first operation whose bits differ is {}, its inputs {}",
                       t.a, t.b, place(*t.first), t.first->inputs_equal ? "equal" : "not all equal");
  }
  return fmt::format("trace, {} against {}: no operation differs", t.a, t.b);
}

// "layers.3.attention" → "attention"
std::string bare_name(const std::string& op) { return op.substr(op.rfind('.') + 1); }

bool is_rope(const std::string& op) { return op == "q_rope" || op == "k_rope"; }
bool is_projection(const std::string& op) {
  for (const Op known : {Op::q, Op::k, Op::v, Op::attention_output, Op::gate, Op::up, Op::down}) {
    if (name_of(known) == op) return true;
  }
  return false;
}

class Diagnosis {
 public:
  explicit Diagnosis(const EngineReport& report) : report_(report) {}

  std::vector<Verdict> run() {
    if (std::ranges::none_of(report_.comparisons, measured)) {
      add(VerdictKind::not_measured,
          report_.error.empty() ? "nothing could be measured" : "could not be audited: " + report_.error, {});
      return std::move(verdicts_);
    }
    nondeterminism();
    overflow();
    faults();
    harmless();
    return std::move(verdicts_);
  }

 private:
  using Test = std::function<bool(const Comparison&)>;

  std::vector<const Comparison*> all(const Test& test) const {
    std::vector<const Comparison*> found;
    for (const Comparison& c : report_.comparisons) {
      if (measured(c) && test(c)) found.push_back(&c);
    }
    return found;
  }
  // Beyond rounding where it can best be told.
  std::vector<const Comparison*> far(Factor factor) const {
    return all([&](const Comparison& c) { return c.factor == factor && c.finest && beyond_rounding(c); });
  }
  const std::string& base_dtype() const {
    static const std::string none;
    const auto found = std::ranges::find_if(report_.comparisons, measured);
    return found == report_.comparisons.end() ? none : found->dtype;
  }
  bool is_far_alone(Factor factor) const {
    return std::ranges::any_of(far(factor), [](const Comparison* c) { return c->batch_size == 1; });
  }
  // The operation in which the fault sits, over all traces; the first that has one.
  const TraceComparison* jump(const std::function<bool(const std::string&)>& is) const {
    for (const TraceComparison& t : report_.traces) {
      if (t.jump && is(bare_name(t.jump->op))) return &t;
    }
    return nullptr;
  }

  void add(VerdictKind kind, std::string sentence, const std::vector<const Comparison*>& from,
           const TraceComparison* trace = nullptr) {
    Verdict verdict{.kind = kind,
                    .sentence = std::move(sentence),
                    .evidence = {},
                    .advice = advice(kind, report_.info, base_dtype())};
    if (trace) verdict.evidence.push_back(evidence(*trace));
    for (const Comparison* c : from) verdict.evidence.push_back(evidence(*c));
    verdicts_.push_back(std::move(verdict));
  }

  void nondeterminism() {
    const auto reruns = all([](const Comparison& c) { return c.factor == Factor::rerun && moved(c); });
    if (reruns.empty()) return;
    add(VerdictKind::nondeterminism, "The same run, repeated with nothing changed, gives other results.",
        reruns);
  }

  void overflow() {
    const auto infinite = [](const Comparison& c) {
      return c.measures.logits && c.measures.logits->nonfinite_rows > 0;
    };
    const auto found = all([&](const Comparison& c) {
      return infinite(c) && (c.factor == Factor::dtype ? c.changed == "f16" : c.dtype == "f16");
    });
    const bool elsewhere = std::ranges::any_of(report_.comparisons, [&](const Comparison& c) {
      return measured(c) && infinite(c) && c.factor != Factor::dtype && c.dtype != "f16";
    });
    if (found.empty() || elsewhere) return;  // then it is not the range of f16
    add(VerdictKind::overflow, "In f16 values leave the range of the type and become infinite or NaN.",
        found);
  }

  // Bugs. Where a trace shows the operation, it decides; else the pattern of factors does.
  void faults() {
    if (positions_seen()) return;
    if (shared_scale_seen()) return;
    if (caches()) return;
    if (leak()) return;
    if (mask()) return;
    if (right_padding()) return;
    if (slots()) return;
    texts_alone();
  }

  bool caches() {
    auto found = far(Factor::prefix_cache);
    if (!found.empty()) {
      add(VerdictKind::cache_fault,
          "An answer from the prefix cache is not the answer that the prompt has without it.", found);
      return true;
    }
    if (!is_far_alone(Factor::kv_cache)) return false;
    add(VerdictKind::cache_fault,
        "With the KV cache the answers are not those that the model gives without it.",
        far(Factor::kv_cache));
    return true;
  }

  bool positions_seen() {
    const TraceComparison* trace = jump(is_rope);
    // Wrong positions do not make what stands in the padding matter: that takes a missing mask, from which
    // positions are often counted, too.
    if (!trace || !far(Factor::padding_value).empty()) return false;
    std::vector<const Comparison*> found;
    for (const Factor factor : {Factor::batch_size, Factor::order, Factor::padding_side,
                                Factor::padding_amount, Factor::kv_cache}) {
      std::ranges::copy(far(factor), std::back_inserter(found));
    }
    add(VerdictKind::position_fault,
        found.empty()
            ? "Tokens get other positions in a batch than alone. Rotary embeddings see only distances, so "
              "that it shows in no answer here, but it will where distances are no longer the same."
            : "Tokens get other positions in a batch than alone.",
        found, trace);
    return true;
  }

  bool shared_scale_seen() {
    const TraceComparison* trace = jump(is_projection);
    if (!trace) return false;
    auto found = far(Factor::neighbours);
    if (found.empty()) found = far(trace->factor);
    add(VerdictKind::shared_activation_scale,
        "A matrix product of a row depends on the rows beside it: activations share a scale.", found, trace);
    return true;
  }

  bool leak() {
    // The shape is the same, so that not even rounding may move, if the shape is known from the outside.
    auto found = far(Factor::neighbours);
    if (found.empty() && report_.info.rectangular && verdicts_.empty()) {
      found = all([](const Comparison& c) { return c.factor == Factor::neighbours && moved(c); });
    }
    if (found.empty()) return false;
    add(VerdictKind::leak_between_rows, "An answer depends on what the other requests in its batch say.",
        found, jump([](const std::string& op) { return op == "attention"; }));
    return true;
  }

  bool mask() {
    auto found = far(Factor::padding_value);
    std::ranges::copy(far(Factor::padding_amount), std::back_inserter(found));
    if (found.empty() && report_.info.rectangular && verdicts_.empty()) {
      // Under a right mask the value of the padding touches nothing, not even rounding.
      std::ranges::copy(
          all([](const Comparison& c) { return c.factor == Factor::padding_value && moved(c); }),
          std::back_inserter(found));
    }
    const bool nonfinite = std::ranges::any_of(found, [](const Comparison* c) {
      return c->measures.logits && c->measures.logits->nonfinite_rows > 0;
    });
    if (found.empty()) return false;
    std::ranges::copy(far(Factor::batch_size), std::back_inserter(found));
    std::string sentence =
        nonfinite
            ? "Padding makes logits infinite or NaN: rows that attend to nothing reach those that count."
        : jump(is_rope)
            ? "Padding takes part in the answer, and positions count it: as if there were no attention mask."
            : "Padding takes part in the answer: it moves with how much there is or with what stands in it.";
    add(VerdictKind::mask_fault, std::move(sentence), found,
        jump([](const std::string& op) { return op == "attention"; }));
    return true;
  }

  bool right_padding() {
    const auto found = far(Factor::padding_side);
    if (found.empty()) return false;
    const bool at_once = std::ranges::any_of(found, [](const Comparison* c) {
      const double limit = rounding_limit(c->dtype);
      return !c->measures.logits || c->measures.logits->first_step_max_relative > limit ||
             c->measures.logits->nonfinite_rows > 0;
    });
    const TraceComparison* trace =
        jump([](const std::string& op) { return op == "logits" || op == "final_norm"; });
    if (trace || at_once) {
      add(VerdictKind::read_out_fault,
          "Under right padding already the first token is wrong: it is read where the padding ends, not "
          "where the "
          "prompt does.",
          found, trace);
    } else {
      add(VerdictKind::position_fault,
          "Under right padding the first token is right and those after it are not: they get positions "
          "behind the "
          "padding.",
          found);
    }
    return true;
  }

  bool slots() {
    auto found = far(Factor::batch_size);
    std::ranges::copy(far(Factor::order), std::back_inserter(found));
    if (found.empty()) {
      std::ranges::copy(far(Factor::kv_cache), std::back_inserter(found));
    }
    if (found.empty()) return false;
    const bool first_is_right = std::ranges::all_of(found, [](const Comparison* c) {
      return c->measures.logits && c->measures.logits->first_step_max_relative < rounding_limit(c->dtype);
    });
    if (first_is_right) {
      add(VerdictKind::position_fault,
          "In a batch the first token is right and those after it are not, whatever the neighbours say.",
          found);
    } else {
      add(VerdictKind::unexplained,
          report_.error.empty()
              ? "Answers move with the batch beyond rounding, and neither padding nor neighbours explain it."
              : "Answers move with the batch beyond rounding; the audit did not get to what would say why: " +
                    report_.error + ".",
          found);
    }
    return true;
  }

  // Engines that show texts alone, and audits that were stopped early.
  void texts_alone() {
    if (!verdicts_.empty()) return;
    const auto found = all([](const Comparison& c) { return !is_asked(c.factor) && beyond_rounding(c); });
    if (found.empty()) return;
    const std::string why =
        report_.error.empty()
            ? "the engine shows too little to say why."
            : fmt::format("the audit did not get to what would say why: {}.", report_.error);
    add(VerdictKind::unexplained,
        "Answers change their length or their accuracy, which rounding does not do; " + why, found);
  }

  // Rounding stands beside a fault: in the factors that the fault does not reach.
  void harmless() {
    const bool has_fault = !verdicts_.empty();
    if (has_fault && verdicts_[0].kind == VerdictKind::nondeterminism) return;  // it hides there
    const auto found = all([&](const Comparison& c) {
      return !is_asked(c.factor) && moved(c) && !beyond_rounding(c) && far(c.factor).empty();
    });
    if (found.empty()) {
      if (has_fault) return;
      if (!report_.error.empty()) {
        add(VerdictKind::not_measured,
            fmt::format("Nothing moved as far as the audit went, but it did not reach its end: {}.",
                        report_.error),
            {});
        return;
      }
      add(VerdictKind::none,
          report_.info.logits ? "Nothing in how it was run moved a bit of any logit or answer."
                              : "Nothing in how it was run changed an answer.",
          {});
      return;
    }
    const Comparison* worst = *std::ranges::max_element(found, {}, [](const Comparison* c) {
      return c->measures.differ.value() + (c->factor == Factor::batch_size ? 1e-6 : 0);
    });
    const Measures& m = worst->measures;
    std::string sentence =
        m.differ.count == 0
            ? std::string("Logits move in their last places with how a batch is run; no answer changed.")
            : fmt::format(
                  "Rounding follows the shape of the batch: {} ({} → {}, {}) changes {} of {} answers, "
                  "{:.0f}–{:.0f} %.",
                  name_of(worst->factor), worst->reference, worst->changed, worst->conditions, m.differ.count,
                  m.differ.of, 100 * m.differ.low, 100 * m.differ.high);
    if (m.differ.count > 0) {
      sentence += m.length_drift.excludes_zero() ? " Their mean length moves too."
                                                 : " No drift of length can be shown.";
    }
    add(VerdictKind::rounding, std::move(sentence), found);
    for (const TraceComparison& t : report_.traces) {
      if (!t.jump) verdicts_.back().evidence.push_back(evidence(t));
    }
  }

  const EngineReport& report_;
  std::vector<Verdict> verdicts_;
};

}  // namespace

double rounding_limit(const std::string& dtype) {
  if (dtype == "f32") return 2e-3;
  if (dtype == "f16") return 5e-2;
  return 0.25;  // bf16, quantized activations, not known
}

bool moved(const Comparison& c) {
  const auto& logits = c.measures.logits;
  return c.measures.differ.count > 0 || (logits && logits->rows_equal < logits->rows);
}

bool beyond_rounding(const Comparison& c) {
  if (const auto& logits = c.measures.logits) {
    return logits->nonfinite_rows > 0 || logits->max_relative > rounding_limit(c.dtype);
  }
  const Measures& m = c.measures;
  const double drift = std::abs(m.length_drift.value);
  const bool drifts =
      m.length_drift.excludes_zero() && drift > 0.25 * m.mean_length_reference && m.differ.low > 0.1;
  return drifts || (m.accuracy && m.accuracy->p_value < 0.001);
}

std::vector<Verdict> diagnose(const EngineReport& report) { return Diagnosis(report).run(); }

}  // namespace isobatch::audit
