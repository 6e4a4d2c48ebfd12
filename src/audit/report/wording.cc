#include "audit/report/wording.h"

#include <fmt/format.h>

#include <cmath>

namespace isobatch::audit {
namespace {

// Without the zeros that say nothing.
std::string trimmed(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// A true minus, as wide as a plus.
std::string with_sign(double value) {
  const std::string text = number(std::abs(value));
  if (text == "0") return text;
  return fmt::format("{}{}", value < 0 ? "−" : "+", text);
}

std::string plain_percent(double share) {
  if (!std::isfinite(share)) return "?";
  const double value = 100 * share;
  if (value > 0 && value < 0.1) return "<0.1";
  if (value < 9.95 && value != std::round(value)) return fmt::format("{:.1f}", value);
  // All but one is not all.
  if (value < 100 && value >= 99.5) return fmt::format("{:.1f}", std::min(value, 99.9));
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string number(double value) {
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  const double size = std::abs(value);
  if (size == 0) return "0";
  const std::string minus = value < 0 ? "−" : "";
  if (size >= 1e6 || size < 1e-3) {
    const std::string digits = fmt::format("{:.1e}", size);
    const std::size_t e = digits.find('e');
    return minus + trimmed(digits.substr(0, e)) + "e" + std::to_string(std::stoi(digits.substr(e + 1)));
  }
  if (size >= 1000) return minus + count_text(static_cast<std::uint64_t>(std::llround(size)));
  if (size >= 99.95) return minus + fmt::format("{:.0f}", size);
  if (size >= 9.995) return minus + trimmed(fmt::format("{:.1f}", size));
  if (size >= 0.9995) return minus + trimmed(fmt::format("{:.2f}", size));
  return minus + trimmed(fmt::format("{:.3g}", size));
}

std::string count_text(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string percent(double share) { return plain_percent(share) + " %"; }

std::string percents(double low, double high) {
  return plain_percent(low) + "–" + plain_percent(high) + " %";
}

std::string share_text(const Share& share) {
  if (share.of == 0) return "none compared";
  return fmt::format("{} of {} ({})", share.count, share.of, percents(share.low, share.high));
}

std::string drift_text(const Mean& drift) {
  return fmt::format("{} ({} to {})", with_sign(drift.value), with_sign(drift.low), with_sign(drift.high));
}

std::string p_text(double p) {
  return p < 0.001 ? "p < 0.001" : fmt::format("p = {}", trimmed(fmt::format("{:.3f}", p)));
}

std::string time_text(std::string_view created) {
  std::string text(created);
  const bool as_expected = text.size() == 20 && text[10] == 'T' && text[19] == 'Z';
  return as_expected ? text.substr(0, 10) + " " + text.substr(11, 5) + " UTC" : text;
}

std::string_view length_unit(const EngineInfo& info) { return info.tokens ? "tokens" : "bytes"; }

std::string duration_text(double seconds) {
  const long whole = std::lround(seconds);
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string prompts_text(const AuditReport& report) {
  return fmt::format("{} prompt{} of {}, at most {} new token{} each, greedy", report.prompts,
                     report.prompts == 1 ? "" : "s", report.prompts_name, report.max_tokens,
                     report.max_tokens == 1 ? "" : "s");
}

std::string engines_text(const AuditReport& report) {
  std::string text;
  for (std::size_t i = 0; i < report.engines.size(); ++i) {
    if (i > 0) text += i + 1 == report.engines.size() ? " and " : ", ";
    text += report.engines[i].info.name;
  }
  return text.empty() ? "no engine" : text;
}

std::string trace_text(const TraceComparison& trace) {
  if (!trace.first) {
    return fmt::format("{} and {}: all {} operations have the same bits.", trace.a, trace.b,
                       trace.growth.size());
  }
  std::string shape;
  for (const int size : trace.shape) shape += fmt::format("{}{}", shape.empty() ? "" : " × ", size);
  return fmt::format("{} and {} part at {}{}{}{}: greatest difference {} ({} ULP), {}.", trace.a, trace.b,
                     trace.first->op, shape.empty() ? "" : " [" + shape + "]",
                     trace.first->step == 0 ? " of the prompt" : " of new token ",
                     trace.first->step == 0 ? "" : std::to_string(trace.first->step),
                     number(trace.first->max_difference), number(trace.first->max_ulp),
                     trace.first->inputs_equal ? "with inputs of the same bits"
                                               : "its inputs already differ or are not seen") +
         (!trace.jump ? std::string()
                      : fmt::format(" {} is beyond rounding ({}) although what it reads is not.",
                                    trace.jump->op, percent(trace.jump->relative)));
}

bool drifts(const Measures& measures) { return measures.length_drift.excludes_zero(); }

bool accuracy_changes(const Measures& measures) {
  return measures.accuracy && measures.accuracy->p_value < kSignificance;
}

bool bits_equal(const Measures& measures) {
  return measures.logits && measures.logits->rows > 0 && measures.logits->rows == measures.logits->rows_equal;
}

Outcome outcome_of(const Comparison& comparison, const EngineInfo& info) {
  using Kind = Outcome::Kind;
  if (!comparison.not_offered.empty()) return {Kind::not_offered, "not offered", {}};
  if (!comparison.error.empty()) return {Kind::error, "error", {}};
  const Measures& m = comparison.measures;
  if (m.differ.of == 0) return {Kind::absent, "none compared", {}};
  const bool equal = bits_equal(m);
  if (m.differ.count == 0 && equal) return {Kind::bits_equal, "bits equal", {}};

  Outcome outcome{m.differ.count > 0 ? Kind::differ : Kind::same, share_text(m.differ), {}};
  if (drifts(m)) {
    outcome.notes.push_back(fmt::format("length {} {}", with_sign(m.length_drift.value), length_unit(info)));
  }
  if (accuracy_changes(m)) {
    outcome.notes.push_back(fmt::format("accuracy {} → {}", percent(m.accuracy->reference.value()),
                                        percent(m.accuracy->changed.value())));
  }
  if (m.logits && m.logits->nonfinite_rows > 0) {
    outcome.notes.push_back(fmt::format("{} rows of logits not finite", m.logits->nonfinite_rows));
  }
  return outcome;
}

}  // namespace isobatch::audit
