#include "audit/measures.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "audit/logit_rows.h"
#include "audit/statistics.h"
#include "isobatch/audit/audit.h"

namespace isobatch::audit {
namespace {

// The first difference of two sequences; −1 when they are the same.
template <typename Sequence>
int mismatch_index(const Sequence& a, const Sequence& b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return x == a.end() && y == b.end() ? -1 : static_cast<int>(x - a.begin());
}

// Rows of both runs with the same tokens before them.
std::size_t comparable_rows(const Answer& a, const Answer& b) {
  const std::size_t rows = std::min(a.logits.size(), b.logits.size());
  const int first = first_difference(a, b);
  return first < 0 ? rows : std::min<std::size_t>(rows, first + 1);
}

bool chose_otherwise(const Answer& a, const Answer& b, std::size_t step) {
  return step < a.tokens.size() && step < b.tokens.size() && a.tokens[step] != b.tokens[step];
}

std::optional<LogitMeasures> logit_measures(std::span<const ComparedRow> rows, const Run& reference,
                                            std::size_t prompts) {
  if (rows.empty()) return std::nullopt;
  LogitMeasures m;
  m.rows = rows.size();
  std::vector<double> differences, relatives;
  double kl = 0;
  int at_risk = 0;
  for (const ComparedRow& row : rows) {
    const RowDifference& d = row.difference;
    m.rows_equal += d.bits_equal;
    m.nonfinite_rows += d.nonfinite;
    at_risk += d.nonfinite || row.margin < 2 * d.max;
    if (d.nonfinite) continue;
    differences.push_back(d.max);
    relatives.push_back(d.relative);
    kl += d.kl;
    m.max_difference = std::max(m.max_difference, d.max);
    m.max_ulp = std::max(m.max_ulp, d.ulp);
    m.max_relative = std::max(m.max_relative, d.relative);
    m.max_kl = std::max(m.max_kl, d.kl);
    double& by_step = row.step == 0 ? m.first_step_max_relative : m.later_step_max_relative;
    by_step = std::max(by_step, d.relative);
  }
  m.median_difference = median(differences);
  m.median_relative = median(relatives);
  if (!differences.empty()) m.mean_kl = kl / static_cast<double>(differences.size());
  // The noise at a token whose logits nobody kept is taken to be the median of those that were.
  int tokens = static_cast<int>(rows.size());
  for (std::size_t i = 0; i < prompts; ++i) {
    const Answer& answer = reference.answers[i];
    for (std::size_t step = answer.logits.size(); step < answer.margins.size(); ++step) {
      at_risk += answer.margins[step] < 2 * m.median_difference;
      ++tokens;
    }
  }
  m.at_risk = share(at_risk, tokens);
  return m;
}

Accuracy accuracy(std::span<const Prompt* const> prompts, const Run& reference, const Run& changed) {
  Accuracy result;
  int known = 0, right_before = 0, right_after = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i]->answer.empty()) continue;
    const bool before = is_right(reference.answers[i].text, prompts[i]->answer);
    const bool after = is_right(changed.answers[i].text, prompts[i]->answer);
    ++known;
    right_before += before;
    right_after += after;
    result.lost += before && !after;
    result.gained += after && !before;
  }
  result.reference = share(right_before, known);
  result.changed = share(right_after, known);
  result.p_value = mcnemar_p(result.lost, result.gained);
  return result;
}

double tokens_per_second(const Run& run, std::size_t prompts) {
  double tokens = 0, seconds = 0;
  for (std::size_t i = 0; i < prompts; ++i) {
    tokens += static_cast<double>(run.answers[i].tokens.size());
    seconds += run.seconds[i];
  }
  return seconds > 0 ? tokens / seconds : 0;
}

}  // namespace

int first_difference(const Answer& a, const Answer& b) {
  if (!a.tokens.empty() || !b.tokens.empty()) return mismatch_index(a.tokens, b.tokens);
  return mismatch_index(a.text, b.text);
}

int length_of(const Answer& answer) {
  return static_cast<int>(answer.tokens.empty() ? answer.text.size() : answer.tokens.size());
}

bool is_right(std::string_view text, std::string_view answer) {
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) || c >= 0x80; };
  const auto lower = [](unsigned char c) { return static_cast<char>(std::tolower(c)); };
  const auto begin = std::ranges::find_if(text, is_letter);
  const auto end = std::find_if_not(begin, text.end(), is_letter);
  return std::equal(begin, end, answer.begin(), answer.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::vector<ComparedRow> compare_rows(const Run& reference, const Run& changed, std::size_t prompts) {
  std::vector<ComparedRow> rows;
  for (std::size_t i = 0; i < prompts; ++i) {
    const Answer &a = reference.answers[i], &b = changed.answers[i];
    for (std::size_t step = 0; step < comparable_rows(a, b); ++step) {
      rows.push_back({.prompt = i,
                      .step = step,
                      .difference = difference(a.logits[step], b.logits[step]),
                      .margin = margin(a.logits[step]),
                      .flipped = chose_otherwise(a, b, step)});
    }
  }
  return rows;
}

Measures measure(std::span<const Prompt* const> prompts, const Run& reference, const Run& changed,
                 std::span<const ComparedRow> rows) {
  Measures result;
  std::vector<double> firsts, drift;
  double before = 0, after = 0;
  int first_token = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Answer &a = reference.answers[i], &b = changed.answers[i];
    if (const int first = first_difference(a, b); first >= 0) {
      firsts.push_back(first);
      first_token += first == 0;
    }
    before += length_of(a);
    after += length_of(b);
    drift.push_back(length_of(b) - length_of(a));
  }
  const int count = static_cast<int>(prompts.size());
  result.differ = share(static_cast<int>(firsts.size()), count);
  result.first_token_differ = share(first_token, count);
  result.median_first_difference = median(firsts);
  if (count > 0) {
    result.mean_length_reference = before / count;
    result.mean_length_changed = after / count;
  }
  result.length_drift = mean(drift);
  if (std::ranges::any_of(prompts, [](const Prompt* p) { return !p->answer.empty(); })) {
    result.accuracy = accuracy(prompts, reference, changed);
  }
  result.logits = logit_measures(rows, reference, prompts.size());
  result.tokens_per_second_reference = tokens_per_second(reference, prompts.size());
  result.tokens_per_second_changed = tokens_per_second(changed, prompts.size());
  return result;
}

}  // namespace isobatch::audit
