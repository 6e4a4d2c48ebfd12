#include <fmt/format.h>

#include <algorithm>

#include "audit/report/text_layout.h"
#include "audit/report/wording.h"
#include "isobatch/audit/render.h"

namespace isobatch::audit {
namespace {

constexpr int kLeastWidth = 40;
constexpr int kLeastChange = 16;  // columns of a change, before columns of figures are left out

struct Page {
  int width;
  bool color;
  std::string text;

  void line(std::string_view content) { text += std::string(content) + '\n'; }
  void gap() { text += '\n'; }
  void add(std::string_view lead, std::string_view content) {
    text += paragraph(lead, plain_line(content), width);
  }
  void heading(std::string_view content, Style style = Style::strong) {
    for (const std::string& part : wrap(plain_line(content), width)) line(styled(part, style, color));
  }
};

Style style_of(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::bits_equal:
      return Style::good;
    case Outcome::Kind::differ:
      return Style::warning;
    case Outcome::Kind::error:
      return Style::bad;
    case Outcome::Kind::absent:
    case Outcome::Kind::not_offered:
      return Style::faint;
    case Outcome::Kind::same:
      break;
  }
  return Style::plain;
}

Style style_of(VerdictKind kind) {
  if (is_bug(kind)) return Style::bad;
  if (kind == VerdictKind::none) return Style::good;
  return kind == VerdictKind::rounding ? Style::warning : Style::plain;
}

TextCell cell(const std::string& text, Style style = Style::plain) { return {{plain_line(text)}, style}; }

TextCell outcome_cell(const Outcome& outcome) {
  TextCell result = cell(outcome.text, style_of(outcome.kind));
  for (const std::string& note : outcome.notes) result.lines.push_back(plain_line(note));
  return result;
}

// Groups and the change of each row; `cells_of` gives the others.
template <typename CellsOf>
void fill(TextTable& table, const std::vector<OverviewRow>& rows, const CellsOf& cells_of) {
  std::optional<Factor> factor;
  for (const OverviewRow& row : rows) {
    if (factor != row.factor) {
      factor = row.factor;
      table.add_group(fmt::format("{}{}", name_of(row.factor),
                                  should_not_matter(row.factor) ? "" : " (is asked; may change answers)"));
    }
    std::vector<TextCell> cells = {cell(row.change)};
    for (TextCell& figure : cells_of(row)) cells.push_back(std::move(figure));
    table.add_row(std::move(cells));
  }
}

// As many engines side by side as fit, then the others below.
void add_engines(Page& page, const AuditReport& report, const std::vector<OverviewRow>& rows) {
  for (std::size_t begin = 0; begin < report.engines.size();) {
    const auto make = [&](std::size_t count) {
      std::vector<TextCell> headings = {cell("answers that differ")};
      for (std::size_t e = begin; e < begin + count; ++e) {
        headings.push_back(cell(report.engines[e].info.name, Style::strong));
      }
      TextTable table(std::move(headings));
      fill(table, rows, [&](const OverviewRow& row) {
        std::vector<TextCell> cells;
        for (std::size_t e = begin; e < begin + count; ++e) cells.push_back(outcome_cell(row.outcomes[e]));
        return cells;
      });
      return table;
    };
    const auto fit = static_cast<std::size_t>(
        make(report.engines.size() - begin).fitting_columns(page.width, kLeastChange));
    page.text += make(fit).to_text(page.width, page.color);
    page.gap();
    begin += fit;
  }
}

struct Column {
  std::vector<std::string> heading;
  std::string (*cell)(const Measures& measures);
};
const std::vector<Column> kColumns = {
    {{"length", "drift"}, [](const Measures& m) { return drift_text(m.length_drift); }},
    {{"first token", "differs"},
     [](const Measures& m) { return fmt::format("{}", m.first_token_differ.count); }},
    {{"right"},
     [](const Measures& m) {
       return m.accuracy ? fmt::format("{} → {}", m.accuracy->reference.count, m.accuracy->changed.count)
                         : "";
     }},
    {{"logits rows", "equal"},
     [](const Measures& m) {
       return m.logits ? fmt::format("{} of {}", m.logits->rows_equal, m.logits->rows) : "";
     }},
    {{"greatest", "|Δ logit|"},
     [](const Measures& m) { return m.logits ? number(m.logits->max_difference) : ""; }},
    {{"tokens", "at risk"},
     [](const Measures& m) { return m.logits ? percent(m.logits->at_risk.value()) : ""; }},
    {{"tokens/s"}, [](const Measures& m) { return number(m.tokens_per_second_changed); }},
};

// All measures, from the most telling one on, as far as they fit.
void add_measures(Page& page, const std::vector<OverviewRow>& rows) {
  const auto make = [&rows](std::size_t columns) {
    std::vector<TextCell> headings = {{}, {{"answers", "that differ"}, Style::plain}};
    for (std::size_t i = 0; i < columns; ++i) headings.push_back({kColumns[i].heading, Style::plain});
    TextTable table(std::move(headings));
    fill(table, rows, [columns](const OverviewRow& row) {
      const Outcome& outcome = row.outcomes[0];
      std::vector<TextCell> cells = {cell(outcome.text, style_of(outcome.kind))};
      const bool measured = row.comparisons[0] && row.comparisons[0]->error.empty() &&
                            row.comparisons[0]->measures.differ.of > 0;
      for (std::size_t i = 0; i < columns; ++i) {
        cells.push_back(cell(measured ? kColumns[i].cell(row.comparisons[0]->measures) : ""));
      }
      return cells;
    });
    return table;
  };
  const int fit = make(kColumns.size()).fitting_columns(page.width, kLeastChange);
  page.text += make(static_cast<std::size_t>(fit - 1)).to_text(page.width, page.color);
  page.gap();
}

void add_verdicts(Page& page, const EngineReport& engine) {
  page.heading(fmt::format("{}  {}", engine.info.name, engine.info.version));
  if (!engine.info.model.empty()) page.add("  model ", engine.info.model);
  if (!engine.error.empty()) page.add("  failed: ", engine.error);
  for (const Verdict& verdict : engine.verdicts) {
    page.line("  " + styled(fmt::format("{}{}", is_bug(verdict.kind) ? "BUG: " : "", name_of(verdict.kind)),
                            style_of(verdict.kind), page.color));
    page.add("    ", verdict.sentence);
    for (const std::string& evidence : verdict.evidence) page.add("    - ", evidence);
    if (!verdict.advice.empty()) page.add("    What to do: ", verdict.advice);
  }
  for (const Comparison& comparison : engine.comparisons) {
    if (comparison.error.empty()) continue;
    page.add("  error: ",
             fmt::format("{}, {}: {}", name_of(comparison.factor), comparison.changed, comparison.error));
  }
  for (const TraceComparison& trace : engine.traces) page.add("  trace: ", trace_text(trace));
  page.gap();
}

void add_judgement(Page& page, const Judgement& judgement) {
  if (judgement.baseline) {
    const BaselineComparison& baseline = *judgement.baseline;
    page.heading(fmt::format("Against the audit of {}", time_text(baseline.created)));
    for (const std::string& condition : baseline.conditions) page.add("  not the same: ", condition);
    for (const BaselineChange& change : baseline.changes) {
      using Direction = BaselineChange::Direction;
      const char* word = change.direction == Direction::worse    ? "  worse: "
                         : change.direction == Direction::better ? "  better: "
                                                                 : "  changed: ";
      page.add(word, fmt::format("{}: {}", change.engine, change.what));
    }
    page.add("  ", fmt::format("{} comparisons are in both{}", baseline.compared,
                               baseline.changes.empty() ? "; none changed beyond its interval." : "."));
    page.gap();
  }
  if (judgement.gated) {
    page.heading(judgement.failures.empty() ? "Gate: passed" : "Gate: failed",
                 judgement.failures.empty() ? Style::good : Style::bad);
    for (const std::string& failure : judgement.failures) page.add("  - ", failure);
    page.gap();
  }
}

}  // namespace

std::string to_text(const AuditReport& report, int width, bool color, const Judgement& judgement) {
  Page page{std::max(width, kLeastWidth), color, ""};
  page.heading(fmt::format("Audit of {}", engines_text(report)));
  page.add("", prompts_text(report));
  page.gap();
  const std::vector<OverviewRow> rows = overview(report);
  if (!rows.empty()) {
    if (report.engines.size() == 1) {
      add_measures(page, rows);
    } else {
      add_engines(page, report, rows);
    }
    page.add("", "In brackets: 95 % confidence intervals.");
    page.gap();
  }
  for (const EngineReport& engine : report.engines) add_verdicts(page, engine);
  add_judgement(page, judgement);
  while (page.text.ends_with("\n\n")) page.text.pop_back();
  return std::move(page.text);
}

}  // namespace isobatch::audit
