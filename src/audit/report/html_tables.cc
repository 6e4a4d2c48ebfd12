// The tables of the page: factors against engines, and all measures of each engine.
#include <fmt/format.h>

#include <cmath>

#include "audit/report/page.h"
#include "audit/report/plots.h"
#include "audit/report/svg.h"
#include "isobatch/audit/gate.h"

namespace isobatch::audit {
namespace {

std::string_view meaning_of(Factor factor) {
  switch (factor) {
    case Factor::dtype:
      return "the number format that is computed in";
    case Factor::kv_dtype:
      return "the number format that keys and values are kept in";
    case Factor::rerun:
      return "nothing changed: the same run again";
    case Factor::batch_size:
      return "how many requests run at once";
    case Factor::order:
      return "the same batch, its requests in other slots";
    case Factor::neighbours:
      return "other texts beside it, of the same shape";
    case Factor::padding_side:
      return "filled up on the left or on the right";
    case Factor::padding_value:
      return "the token that fills short rows up";
    case Factor::padding_amount:
      return "more columns than the longest row needs";
    case Factor::kv_cache:
      return "keys and values kept, or computed again for each token";
    case Factor::prefill_chunk:
      return "how many tokens of the prompt go through at once";
    case Factor::threads:
      return "how many threads compute";
    case Factor::prefix_cache:
      return "the beginning of the prompt taken from an earlier request";
  }
  return "";
}

std::string outcome_html(const Outcome& outcome, const Comparison* comparison, int engine) {
  using Kind = Outcome::Kind;
  switch (outcome.kind) {
    case Kind::absent:
    case Kind::not_offered:
      return fmt::format("<td class=\"none\">{}</td>", escape(outcome.text));
    case Kind::error:
      return fmt::format("<td class=\"failed\">{}</td>", escape(outcome.text));
    case Kind::bits_equal:
      return fmt::format("<td class=\"equal\">{}</td>", escape(outcome.text));
    case Kind::same:
    case Kind::differ:
      break;
  }
  const Share& differ = comparison->measures.differ;
  std::string cell =
      fmt::format("<td><div class=\"outcome\"><b>{} of {}</b><small>{}</small>{}</div>", differ.count,
                  differ.of, percents(differ.low, differ.high), share_glyph(differ, engine));
  for (const std::string& note : outcome.notes)
    cell += fmt::format("<span class=\"notes\">{}</span>", escape(note));
  return cell + "</td>";
}

// A head line for each factor, and for the two parts of the table; `row_html` gives a row's cells.
template <typename RowHtml>
void add_body(std::string& page, const std::vector<OverviewRow>& rows, std::size_t columns, bool explain,
              const RowHtml& row_html) {
  std::optional<Factor> factor;
  bool asked = false;
  for (const OverviewRow& row : rows) {
    if (factor != row.factor) {
      if (factor) page += "</tbody>\n";
      page += "<tbody>";
      if (!should_not_matter(row.factor) && !asked) {
        asked = true;
        page += fmt::format(
            "<tr class=\"part\"><th colspan=\"{}\" scope=\"colgroup\">What is asked: may change an "
            "answer</th></tr>\n",
            columns);
      }
      factor = row.factor;
      page += fmt::format("<tr class=\"factor\"><th colspan=\"{}\" scope=\"rowgroup\">{}{}</th></tr>\n",
                          columns, name_of(row.factor),
                          explain ? fmt::format(" <small>{}</small>", meaning_of(row.factor)) : "");
    }
    page += fmt::format("<tr><th scope=\"row\">{}</th>{}</tr>\n", escape(row.change), row_html(row));
  }
  if (factor) page += "</tbody>\n";
}

std::string cell(const std::string& main, const std::string& below = "") {
  return "<td>" + escape(main) + (below.empty() ? "" : "<small>" + escape(below) + "</small>") + "</td>";
}

std::string interval(const Mean& mean) {
  return fmt::format("{} to {}", number(mean.low), number(mean.high));
}

std::string measures_html(const Measures& m) {
  std::string cells =
      cell(fmt::format("{} of {}", m.differ.count, m.differ.of), percents(m.differ.low, m.differ.high));
  cells += cell(fmt::format("{}", m.first_token_differ.count),
                m.differ.count > 0 ? fmt::format("median at {}", number(m.median_first_difference)) : "");
  cells += cell(fmt::format("{} → {}", number(m.mean_length_reference), number(m.mean_length_changed)),
                fmt::format("drift {}", interval(m.length_drift)));
  if (m.accuracy) {
    const Accuracy& a = *m.accuracy;
    cells += cell(fmt::format("{} → {} of {}", a.reference.count, a.changed.count, a.reference.of),
                  fmt::format("{} lost, {} gained, {}", a.lost, a.gained, p_text(a.p_value)));
  } else {
    cells += "<td class=\"none\">not known</td>";
  }
  if (m.logits) {
    const LogitMeasures& l = *m.logits;
    cells += cell(fmt::format("{} of {}", l.rows_equal, l.rows),
                  l.nonfinite_rows > 0 ? fmt::format("{} not finite", l.nonfinite_rows) : "");
    cells += cell(number(l.max_difference), fmt::format("median {}", number(l.median_difference)));
    cells += cell(number(l.max_ulp));
    cells += cell(number(l.mean_kl), fmt::format("most {}", number(l.max_kl)));
    cells += cell(percent(l.at_risk.value()), percents(l.at_risk.low, l.at_risk.high));
  } else {
    cells += "<td class=\"none\" colspan=\"5\">logits not offered</td>";
  }
  return cells + cell(number(m.tokens_per_second_changed),
                      fmt::format("was {}", number(m.tokens_per_second_reference)));
}

constexpr std::size_t kMeasureColumns = 11;

}  // namespace

void add_overview(std::string& page, const AuditReport& report, const std::vector<OverviewRow>& rows) {
  page +=
      "<section id=\"overview\" aria-labelledby=\"overview-title\"><h2 id=\"overview-title\">What changes an "
      "answer</h2>\n";
  if (rows.empty()) {
    page += "<p class=\"none\">Nothing was compared.</p></section>\n";
    return;
  }
  page +=
      "<p>One thing is changed at a time; counted are the answers that are no longer the same, letter for "
      "letter. "
      "<span class=\"equal\">Bits equal</span>: no answer and no bit of any logit moved. Lines run from 0 to "
      "100 %, "
      "with 95 % confidence intervals; length and accuracy are named only where their change is beyond "
      "chance.</p>\n";
  // With one or two engines there is room for figures and their lines side by side.
  const bool few = report.engines.size() <= 2;
  page += fmt::format(
      "<div class=\"scroll{}\" tabindex=\"0\" role=\"region\" aria-labelledby=\"overview-title\">"
      "<table class=\"overview {}\">",
      few ? "" : " wide", few ? "few" : "many");
  page += "<thead><tr><th scope=\"col\">Change</th>";
  for (const EngineReport& engine : report.engines) {
    page += fmt::format("<th scope=\"col\">{}</th>", escape(engine.info.name));
  }
  page += "</tr></thead>\n";
  add_body(page, rows, report.engines.size() + 1, true, [](const OverviewRow& row) {
    std::string cells;
    for (std::size_t e = 0; e < row.outcomes.size(); ++e) {
      cells += outcome_html(row.outcomes[e], row.comparisons[e], static_cast<int>(e));
    }
    return cells;
  });
  page += "</table></div></section>\n";
}

void add_measures(std::string& page, const AuditReport& report, const std::vector<OverviewRow>& rows) {
  if (rows.empty()) return;
  page +=
      "<section id=\"measures\" aria-labelledby=\"measures-title\"><h2 id=\"measures-title\">All "
      "measures</h2>\n";
  page +=
      "<p class=\"soft\">Answers that differ, with the 95 % interval of their share; those that differ in "
      "the first "
      "token; mean length, with the interval of its drift; right answers, with McNemar’s exact test; rows of "
      "logits "
      "with the same bits; the greatest difference of a logit, the same in units of its last place (ULP); "
      "divergence in nats; tokens that the noise could flip; speed.</p>\n";
  for (std::size_t e = 0; e < report.engines.size(); ++e) {
    std::vector<OverviewRow> own;
    for (const OverviewRow& row : rows) {
      if (row.comparisons[e]) own.push_back(row);
    }
    if (own.empty()) continue;
    const EngineInfo& info = report.engines[e].info;
    page += fmt::format(
        "<div class=\"scroll wide\" tabindex=\"0\" role=\"region\" aria-label=\"All measures of {0}\"><table "
        "class=\"measures\"><caption><b>{0}</b></caption><thead><tr><th scope=\"col\">Change</th><th "
        "scope=\"col\">Differ</th><th scope=\"col\">First token</th><th scope=\"col\">Length, {1}</th><th "
        "scope=\"col\">Right</th><th scope=\"col\">Rows equal</th><th scope=\"col\">|Δ logit|</th><th "
        "scope=\"col\">ULP</th><th scope=\"col\">KL</th><th scope=\"col\">At risk</th><th "
        "scope=\"col\">Tokens/s</th></tr></thead>\n",
        escape(info.name), length_unit(info));
    add_body(page, own, kMeasureColumns, false, [e](const OverviewRow& row) {
      const Comparison& c = *row.comparisons[e];
      const auto wide = [](std::string_view css, const std::string& text) {
        return fmt::format("<td class=\"{}\" colspan=\"{}\">{}</td>", css, kMeasureColumns - 1, escape(text));
      };
      if (!c.not_offered.empty()) return wide("none", "not offered: " + c.not_offered);
      if (!c.error.empty()) return wide("failed", "error: " + c.error);
      if (c.measures.differ.of == 0) return wide("none", "none compared");
      return measures_html(c.measures);
    });
    page += "</table></div>\n";
  }
  page += "</section>\n";
}

}  // namespace isobatch::audit
