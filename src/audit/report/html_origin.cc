// Answers that differ, and what it takes to repeat the audit.
#include <fmt/format.h>

#include <algorithm>

#include "audit/report/page.h"
#include "audit/report/svg.h"

namespace isobatch::audit {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The beginning of the character at `at`.
std::size_t character_at(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  while (at > 0 && at < text.size() && continues_character(text[at])) --at;
  return at;
}

// Marks the word where the texts part: from the first other character to the next space.
std::string marked(std::string_view text, std::size_t first_difference) {
  const std::size_t begin = character_at(text, first_difference);
  if (begin == text.size()) return escape(text) + "<mark class=\"end\">ends here</mark>";
  std::size_t end = begin + 1;
  while (end < text.size() && text[end] != ' ' && text[end] != '\n') ++end;
  return fmt::format("{}<mark>{}</mark>{}", escape(text.substr(0, begin)),
                     escape(text.substr(begin, end - begin)), escape(text.substr(end)));
}

void add_example(std::string& page, const Example& example) {
  page += fmt::format(
      "<div class=\"example\"><p class=\"ask\"><small class=\"soft\">{}, {}</small><br><span "
      "class=\"said\">{}</span></p>\n<div class=\"pair\"><div><small>{}</small><div "
      "class=\"said\">{}</div></div>"
      "<div><small>{}</small><div class=\"said\">{}</div></div></div></div>\n",
      name_of(example.factor), escape(example.prompt_id), escape(example.question),
      escape(example.reference_label), marked(example.reference_text, example.first_difference),
      escape(example.changed_label), marked(example.changed_text, example.first_difference));
}

void add_row(std::string& page, std::string_view name, std::string_view value) {
  if (!value.empty()) page += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value));
}

std::string join(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

}  // namespace

void add_examples(std::string& page, const AuditReport& report) {
  const bool any =
      std::ranges::any_of(report.engines, [](const EngineReport& e) { return !e.examples.empty(); });
  if (!any) return;
  page +=
      "<section id=\"examples\" aria-labelledby=\"examples-title\"><h2 id=\"examples-title\">Answers that "
      "changed</h2>\n";
  for (const EngineReport& engine : report.engines) {
    if (engine.examples.empty()) continue;
    page += fmt::format("<h3>{}</h3>\n", escape(engine.info.name));
    for (const Example& example : engine.examples) add_example(page, example);
  }
  page += "</section>\n";
}

void add_origin(std::string& page, const AuditReport& report) {
  page +=
      "<section id=\"repeat\" aria-labelledby=\"repeat-title\"><h2 id=\"repeat-title\">To repeat "
      "it</h2>\n<dl>";
  if (!report.command.empty()) {
    page += fmt::format("<dt>command</dt><dd><pre>{}</pre></dd>\n", escape(report.command));
  }
  add_row(page, "isobatch", report.isobatch_version);
  add_row(page, "time", report.created);
  add_row(page, "machine", report.machine);
  add_row(page, "prompts", fmt::format("{}, {} used", report.prompts_name, report.prompts));
  add_row(page, "their SHA-256", report.prompts_hash);
  add_row(page, "most new tokens", std::to_string(report.max_tokens));
  add_row(page, "seed", std::to_string(report.seed));
  for (const auto& [name, value] : report.options) add_row(page, name, value);
  page += "</dl>\n";
  for (const EngineReport& engine : report.engines) {
    const EngineInfo& info = engine.info;
    page += fmt::format("<h3>{}</h3>\n<dl>", escape(info.name));
    add_row(page, "version", info.version);
    add_row(page, "model", info.model);
    add_row(page, "dtypes", join(info.dtypes));
    add_row(page, "KV dtypes", join(info.kv_dtypes));
    if (info.vocab_size > 0)
      add_row(page, "vocabulary", count_text(static_cast<std::uint64_t>(info.vocab_size)));
    if (info.threads > 0) add_row(page, "threads", std::to_string(info.threads));
    add_row(page, "compared by", info.tokens ? "tokens" : "bytes of text");
    add_row(page, "logits", info.logits ? "compared" : "not offered");
    add_row(page, "batches",
            info.rectangular ? "rectangles that run until their last row has finished"
                             : "rows leave as they finish");
    for (const auto& [name, value] : info.details) add_row(page, name, value);
    add_row(page, "took", duration_text(engine.seconds));
    page += "</dl>\n";
  }
  page += "</section>\n";
}

}  // namespace isobatch::audit
