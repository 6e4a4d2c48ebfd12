// The page: its head, the order of its sections, and those that are prose.
#include <fmt/format.h>

#include <algorithm>

#include "audit/report/page.h"
#include "audit/report/plots.h"
#include "audit/report/svg.h"

namespace isobatch::audit {
namespace {

// Nothing may be loaded or run, whatever an engine has answered.
constexpr std::string_view kPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

struct Look {
  std::string_view css, sign, word;
};
Look look_of(VerdictKind kind) {
  if (is_bug(kind)) return {"bad", "▲", "Bug: "};
  if (kind == VerdictKind::none) return {"good", "●", "No difference"};
  if (kind == VerdictKind::rounding) return {"warn", "◐", "No bug: "};
  return {"unknown", "○", ""};
}

void add_verdict(std::string& page, const Verdict& verdict) {
  const Look look = look_of(verdict.kind);
  const std::string_view name = verdict.kind == VerdictKind::none ? "" : name_of(verdict.kind);
  page += fmt::format(
      "<div class=\"verdict {}\"><p class=\"kind\"><span aria-hidden=\"true\">{}</span> {}{}</p>\n", look.css,
      look.sign, look.word, name);
  page += fmt::format("<p class=\"sentence\">{}</p>\n", escape(verdict.sentence));
  if (!verdict.evidence.empty()) {
    page += "<ul>";
    for (const std::string& evidence : verdict.evidence) page += fmt::format("<li>{}</li>", escape(evidence));
    page += "</ul>\n";
  }
  if (!verdict.advice.empty()) page += fmt::format("<p><b>What to do.</b> {}</p>\n", escape(verdict.advice));
  page += "</div>\n";
}

}  // namespace

void add_verdicts(std::string& page, const AuditReport& report) {
  page +=
      "<section id=\"verdicts\" aria-labelledby=\"verdicts-title\"><h2 id=\"verdicts-title\">Verdicts</h2>\n";
  if (report.engines.empty()) page += "<p class=\"none\">No engine was audited.</p>\n";
  for (const EngineReport& engine : report.engines) {
    page += fmt::format("<div class=\"engine\"><h3>{} <small>{}</small></h3>\n", escape(engine.info.name),
                        escape(engine.info.version));
    if (!engine.error.empty()) {
      page +=
          fmt::format("<p class=\"failed\">Could not be audited to the end: {}</p>\n", escape(engine.error));
    }
    for (const Verdict& verdict : engine.verdicts) add_verdict(page, verdict);
    page += "</div>\n";
  }
  page += "</section>\n";
}

void add_judgement(std::string& page, const Judgement& judgement) {
  if (judgement.gated) {
    page += "<section id=\"gate\" aria-labelledby=\"gate-title\"><h2 id=\"gate-title\">Gate</h2>\n";
    if (judgement.failures.empty()) {
      page += "<p>Passed: no condition is broken.</p>\n";
    } else {
      page += "<p class=\"failed\">Failed:</p><ul>";
      for (const std::string& failure : judgement.failures)
        page += fmt::format("<li>{}</li>", escape(failure));
      page += "</ul>\n";
    }
    page += "</section>\n";
  }
  if (!judgement.baseline) return;
  const BaselineComparison& baseline = *judgement.baseline;
  page += fmt::format(
      "<section id=\"baseline\" aria-labelledby=\"baseline-title\"><h2 id=\"baseline-title\">Against the "
      "audit of "
      "{}</h2>\n",
      escape(time_text(baseline.created)));
  page += fmt::format(
      "<p>{} comparisons are in both. Shares and drifts count as changed where their 95 % confidence "
      "intervals do not overlap; bits and verdicts, where they are not the same.</p>\n",
      baseline.compared);
  if (!baseline.conditions.empty()) {
    page += "<p>What is not the same, and may be the reason:</p><ul>";
    for (const std::string& condition : baseline.conditions)
      page += fmt::format("<li>{}</li>", escape(condition));
    page += "</ul>\n";
  }
  if (baseline.changes.empty()) {
    page += "<p>Nothing changed.</p>\n";
  } else {
    page +=
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Change</th><th "
        "scope=\"col\">"
        "Engine</th><th scope=\"col\">What</th></tr></thead><tbody>";
    for (const BaselineChange& change : baseline.changes) {
      const bool worse = change.direction == BaselineChange::Direction::worse;
      const bool better = change.direction == BaselineChange::Direction::better;
      page += fmt::format("<tr><td class=\"{}\">{}</td><td>{}</td><td>{}</td></tr>\n",
                          worse    ? "failed"
                          : better ? "equal"
                                   : "none",
                          worse    ? "worse"
                          : better ? "better"
                                   : "changed",
                          escape(change.engine), escape(change.what));
    }
    page += "</tbody></table></div>\n";
  }
  page += "</section>\n";
}

void add_plots(std::string& page, const AuditReport& report) {
  std::string plots = flips_figure(report) + throughput_figure(report);
  const auto add_for_engines = [&](std::string (*draw)(const EngineReport&, int, bool)) {
    bool explain = true;
    for (std::size_t e = 0; e < report.engines.size(); ++e) {
      const std::string drawn = draw(report.engines[e], static_cast<int>(e), explain);
      explain &= drawn.find("<svg") == std::string::npos;
      plots += drawn;
    }
  };
  add_for_engines(lengths_figure);
  add_for_engines(movement_figure);
  add_for_engines(noise_figure);
  std::string growth;
  for (std::size_t e = 0; e < report.engines.size(); ++e) {
    growth += growth_figures(report.engines[e], static_cast<int>(e));
  }
  if (!plots.empty()) {
    page += fmt::format(
        "<section id=\"plots\" aria-labelledby=\"plots-title\"><h2 id=\"plots-title\">How much</h2>"
        "\n<div class=\"plots\">\n{}</div></section>\n",
        plots);
  }
  if (!growth.empty()) {
    page += fmt::format(
        "<section id=\"growth\" aria-labelledby=\"growth-title\"><h2 id=\"growth-title\">Where it "
        "begins</h2>\n<p>The operations of one request in two runs, compared bit by bit in the order "
        "of execution.</p>\n<div class=\"plots\">\n{}</div></section>\n",
        growth);
  }
}

std::string to_html(const AuditReport& report, const Judgement& judgement) {
  const std::vector<OverviewRow> rows = overview(report);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>Audit of {}</title>\n<style>{}</style></head>\n<body>\n",
      kPolicy, escape(engines_text(report)), kStyle);
  page += fmt::format(
      "<header><h1>Audit of {}</h1>\n<p class=\"soft\">{}; {}.</p>\n<p>Does an answer depend on how it is "
      "computed: on the "
      "batch, the padding, the cache? And if it does, is it rounding or a bug?</p></header>\n"
      "<main>\n",
      escape(engines_text(report)), escape(prompts_text(report)), escape(time_text(report.created)));
  add_verdicts(page, report);
  add_judgement(page, judgement);
  add_overview(page, report, rows);
  add_plots(page, report);
  add_examples(page, report);
  add_measures(page, report, rows);
  add_origin(page, report);
  page += fmt::format(
      "</main>\n<footer>Made by isobatch {}. This page is one file; it loads nothing.</footer>\n"
      "</body></html>\n",
      escape(report.isobatch_version));
  return page;
}

}  // namespace isobatch::audit
