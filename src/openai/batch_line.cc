#include <fmt/format.h>

#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "openai/body.h"

namespace isobatch::openai {
namespace {

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

// A line as OpenAI writes it: the body is wrapped, the URL says what it is.
void read_wrapped(JsonObject& line, BatchLine& out) {
  const std::string& method = line.require_string("method");
  if (method != "POST") line.fail("method", "POST", method);
  const std::string& url = line.require_string("url");
  JsonObject body(line.require("body"), "body", line.text());
  line.reject_unknown();
  if (url == "/v1/chat/completions") {
    out.prompt = read_chat(body);
  } else if (url == "/v1/completions") {
    out.prompt = read_prompt(body);
  } else {
    line.fail("url", "/v1/chat/completions or /v1/completions", url);
  }
  read_answer_options(body, out.request, out.choices);
  body.reject_unknown();
}

// A line that is itself the body; which prompt field it has says what it is.
void read_bare(JsonObject& line, BatchLine& out) {
  const bool messages = line.find("messages");
  const bool prompt = line.find("prompt");
  const bool input_ids = line.find("input_ids");
  if (messages + prompt + input_ids != 1) {
    invalid(fmt::format("expected one of body, messages, prompt and input_ids, got {}",
                        messages + prompt + input_ids == 0 ? "none" : "several"));
  }
  if (messages) out.prompt = read_chat(line);
  if (prompt) out.prompt = read_prompt(line);
  if (input_ids) out.prompt = read_input_ids(line);
  read_answer_options(line, out.request, out.choices);
  line.reject_unknown();
}

}  // namespace

BatchLine parse_batch_line(std::string_view text, std::size_t number, const Request& defaults,
                           int default_choices) {
  BatchLine out;
  out.number = number;
  out.custom_id = fmt::format("line-{}", number);
  out.request = defaults;
  out.choices = default_choices;
  try {
    const Json json = parse_json(text);
    JsonObject line(json, "", text);
    if (const std::string* id = line.find_string("custom_id")) {
      if (id->empty()) line.fail("custom_id", "a text that is not empty", *id);
      out.custom_id = *id;
    }
    line.find("body") ? read_wrapped(line, out) : read_bare(line, out);
  } catch (const Error& error) {
    out.error = error.what();
  }
  return out;
}

}  // namespace isobatch::openai
