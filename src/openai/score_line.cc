#include <fmt/format.h>

#include "isobatch/error.h"
#include "isobatch/score.h"
#include "openai/body.h"

namespace isobatch::openai {
namespace {

std::string read_text(JsonObject& line, const std::string& name) {
  const std::string& text = line.require_string(name);
  if (text.empty()) line.fail(name, "a text that is not empty", text);
  return text;
}

std::vector<std::string> read_continuations(JsonObject& line) {
  if (line.find("continuation")) return {read_text(line, "continuation")};
  const Json& list = line.require("continuations");
  if (!list.is_array() || list.empty()) line.fail("continuations", "a list of at least one text", list);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_string() || list[i] == "") {
      line.fail(fmt::format("continuations[{}]", i), "a text that is not empty", list[i]);
    }
    texts.push_back(list[i].get<std::string>());
  }
  return texts;
}

void read_fields(JsonObject& line, ScoreLine& out) {
  const bool text = line.find("text"), context = line.find("context"), messages = line.find("messages");
  if (text + context + messages != 1) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("expected one of text, context and messages, got {}",
                            text + context + messages == 0 ? "none" : "several"));
  }
  if (line.find("continuation") && line.find("continuations")) {
    line.fail("continuations", "none beside continuation", *line.find("continuations"));
  }
  if (text) {
    out.text = read_text(line, "text");
  } else {
    if (context) out.context = line.require_string("context");
    if (messages) out.context = read_chat(line);
    out.continuations = read_continuations(line);
  }
}

}  // namespace

ScoreLine parse_score_line(std::string_view text, std::size_t number) {
  ScoreLine out;
  out.number = number;
  out.custom_id = fmt::format("line-{}", number);
  try {
    const Json json = parse_json(text);
    JsonObject line(json, "", text);
    if (const std::string* id = line.find_string("custom_id")) {
      if (id->empty()) line.fail("custom_id", "a text that is not empty", *id);
      out.custom_id = *id;
    }
    read_fields(line, out);
    if (out.text && (line.find("continuation") || line.find("continuations"))) {
      line.fail("text", "no continuation beside it", *out.text);
    }
    line.reject_unknown();
  } catch (const Error& error) {
    out.error = error.what();
  }
  return out;
}

}  // namespace isobatch::openai
