#include "audit/engines/child_protocol.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

#include "isobatch/error.h"
#include "openai/json_object.h"

namespace isobatch::audit {
namespace {

using openai::JsonObject;

constexpr int kMostTokens = 1 << 24;  // of a prompt or a vocabulary; guards products
constexpr int kMostThreads = 1 << 16;
constexpr std::string_view kIsToken = "a token id of the vocabulary";

[[noreturn]] void invalid(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

Json describe(const Prompt& prompt) {
  Json result = {{"id", prompt.id}};
  if (!prompt.messages.empty()) {
    result["messages"] = describe_messages(prompt.messages);
  } else if (!prompt.text.empty()) {
    result["text"] = prompt.text;
  } else {
    result["tokens"] = prompt.tokens;
  }
  return result;
}

Json describe(const Setting& setting) {
  Json value = nullptr;
  if (setting.padding_value) value = *setting.padding_value;
  return {{"dtype", setting.dtype},
          {"kv_dtype", setting.kv_dtype},
          {"padding_side", setting.padding_side == PaddingSide::left ? "left" : "right"},
          {"padding_value", value},
          {"extra_padding", setting.extra_padding},
          {"kv_cache", setting.kv_cache},
          {"prefill_chunk", setting.prefill_chunk},
          {"threads", setting.threads},
          {"prefix_cache", setting.prefix_cache}};
}

const Json& array_of(JsonObject& object, const std::string& name) {
  const Json& value = object.require(name);
  if (!value.is_array()) object.fail(name, "an array", value);
  return value;
}

std::vector<std::string> strings_of(JsonObject& object, const std::string& name) {
  std::vector<std::string> result;
  if (!object.find(name)) return result;
  for (const Json& value : array_of(object, name)) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      object.fail(name, "strings that are not empty", value);
    }
    result.push_back(value.get<std::string>());
  }
  if (std::set<std::string>(result.begin(), result.end()).size() != result.size()) {
    object.fail(name, "each string once", array_of(object, name));
  }
  return result;
}

std::vector<TokenId> tokens_of(JsonObject& object, const std::string& name, const EngineInfo& info,
                               std::size_t most) {
  const Json& values = array_of(object, name);
  if (values.size() > most) object.fail(name, fmt::format("at most {} tokens", most), values);
  std::vector<TokenId> result;
  for (const Json& value : values) {
    const bool fits = value.is_number_integer() && value >= 0 && value < info.vocab_size;
    if (!fits) object.fail(name, kIsToken, value);
    result.push_back(value.get<TokenId>());
  }
  return result;
}

std::vector<float> margins_of(JsonObject& object) {
  std::vector<float> result;
  if (!object.find("margins")) return result;
  for (const Json& value : array_of(object, "margins")) {
    if (!value.is_null() && !(value.is_number() && value >= 0)) {
      object.fail("margins", "numbers that are not negative, or null", value);
    }
    result.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN() : value.get<float>());
  }
  return result;
}

// Whether greedy choice takes `token`. Where something is NaN there is no telling.
bool is_greatest(std::span<const float> logits, TokenId token) {
  const float chosen = logits[static_cast<std::size_t>(token)];
  for (const float logit : logits) {
    if (std::isnan(logit)) return true;
    if (logit > chosen) return false;
  }
  return true;
}

void read_logits(Answer& answer, JsonObject& object, std::size_t steps, std::span<const float>& values,
                 const EngineInfo& info) {
  const std::size_t width = static_cast<std::size_t>(info.vocab_size);
  if (steps > answer.tokens.size()) {
    invalid(fmt::format("{}: {} steps of logits for {} tokens", object.path_of("logits_steps"), steps,
                        answer.tokens.size()));
  }
  if (steps * width > values.size()) {
    invalid(fmt::format("{}: {} steps of {} logits, and {} values are left", object.path_of("logits_steps"),
                        steps, width, values.size()));
  }
  for (std::size_t step = 0; step < steps; ++step) {
    const std::span<const float> row = values.first(width);
    if (!is_greatest(row, answer.tokens[step])) {
      invalid(fmt::format("{}: at step {}, the logits do not choose token {}", object.path_of("tokens"), step,
                          answer.tokens[step]));
    }
    answer.logits.emplace_back(row.begin(), row.end());
    values = values.subspan(width);
  }
}

std::optional<Op> op_of_name(std::string_view name) {
  for (int i = 0; i < kOps; ++i) {
    if (name_of(static_cast<Op>(i)) == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

}  // namespace

Json describe_messages(const std::vector<ChatMessage>& messages) {
  Json result = Json::array();
  for (const ChatMessage& message : messages) {
    result.push_back({{"role", message.role}, {"content", message.content}});
  }
  return result;
}

Json start_question(const EngineOptions& options) {
  Json settings = Json::object();
  for (const auto& [key, value] : options.settings) settings[key] = value;
  return {{"ask", "start"},      {"protocol", kProtocolVersion},     {"model", options.model.string()},
          {"url", options.url},  {"model_name", options.model_name}, {"threads", options.threads},
          {"settings", settings}};
}

Json tokenize_question(const Prompt& prompt) { return {{"ask", "tokenize"}, {"prompt", describe(prompt)}}; }

Json generate_question(const Batch& batch, const Setting& setting, bool with_tokens) {
  Json rows = Json::array();
  for (const Row& row : batch.rows) {
    Json described = {{"max_tokens", row.max_tokens}, {"ignore_eos", row.ignore_eos}};
    if (with_tokens) {
      if (row.tokens.empty()) invalid("a row without tokens for an engine that takes tokens");
      described["tokens"] = row.tokens;
    } else {
      if (!row.prompt) invalid("a row without a prompt for an engine that takes no tokens");
      described["prompt"] = describe(*row.prompt);
    }
    rows.push_back(std::move(described));
  }
  return {{"ask", "generate"},
          {"rows", std::move(rows)},
          {"logits_steps", batch.logits_steps},
          {"setting", describe(setting)}};
}

Json trace_question(const Batch& batch, int row, const Setting& setting, int steps) {
  Json question = generate_question(batch, setting, true);
  question["ask"] = "trace";
  question.erase("logits_steps");
  question["row"] = row;
  question["steps"] = steps;
  return question;
}

EngineInfo read_info(const Json& answer, std::string_view name) {
  JsonObject object(answer, "info");
  EngineInfo info;
  const std::string* said = object.find_string("name");
  info.name = name.empty() ? object.require_string("name") : std::string(name);
  if (info.name.empty() || (said && *said != info.name)) {
    invalid(fmt::format("info.name: expected {}, got \"{}\"", name.empty() ? "a name" : name, *said));
  }
  info.version = object.require_string("version");
  if (const std::string* model = object.find_string("model")) info.model = *model;
  info.dtypes = strings_of(object, "dtypes");
  if (info.dtypes.empty()) info.dtypes = {"default"};
  info.kv_dtypes = strings_of(object, "kv_dtypes");
  for (const std::string& key : strings_of(object, "factors")) {
    const std::optional<Factor> factor = factor_of_key(key);
    if (!factor) invalid(fmt::format("info.factors: \"{}\" is no factor", key));
    info.factors.insert(*factor);
  }
  info.tokens = object.boolean("tokens", false);
  info.logits = object.boolean("logits", false);
  info.traces = object.boolean("traces", false);
  info.rectangular = object.boolean("rectangular", false);
  info.vocab_size = static_cast<int>(object.integer("vocab_size", 0, kMostTokens, 0));
  info.threads = static_cast<int>(object.integer("threads", 0, kMostThreads, 0));
  if (info.tokens && info.vocab_size == 0) invalid("info.vocab_size: an engine with tokens must give it");
  if ((info.logits || info.traces) && !info.tokens) invalid("info: logits and traces need tokens");
  if (const Json* details = object.find("details")) {
    if (!details->is_object()) object.fail("details", "an object of strings", *details);
    for (const auto& [key, value] : details->items()) {
      if (!value.is_string()) object.fail("details", "an object of strings", value);
      info.details.emplace_back(key, value.get<std::string>());
    }
  }
  object.reject_unknown();
  return info;
}

std::vector<TokenId> read_tokens(const Json& answer, const EngineInfo& info) {
  JsonObject object(answer, "answer");
  std::vector<TokenId> tokens = tokens_of(object, "tokens", info, kMostTokens);
  if (tokens.empty()) invalid("answer.tokens: expected at least one token, got none");
  return tokens;
}

std::size_t most_logits(const Batch& batch, const EngineInfo& info) {
  return batch.rows.size() * static_cast<std::size_t>(batch.logits_steps) *
         static_cast<std::size_t>(info.vocab_size);
}

std::vector<Answer> read_answers(const Json& answer, std::span<const float> values, const Batch& batch,
                                 const EngineInfo& info) {
  JsonObject all(answer, "answer");
  const Json& rows = array_of(all, "answers");
  if (rows.size() != batch.rows.size()) {
    invalid(fmt::format("answer.answers: expected {}, got {}", batch.rows.size(), rows.size()));
  }
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    JsonObject object(rows[i], fmt::format("answers[{}]", i));
    Answer& read = answers.emplace_back();
    const std::size_t most = static_cast<std::size_t>(batch.rows[i].max_tokens);
    if (info.tokens) read.tokens = tokens_of(object, "tokens", info, most);
    read.text = object.require_string("text");
    read.stopped = object.boolean("stopped", false);
    read.margins = margins_of(object);
    if (info.tokens && !read.margins.empty() && read.margins.size() != read.tokens.size()) {
      object.fail("margins", fmt::format("as many as tokens, {}", read.tokens.size()),
                  object.require("margins"));
    }
    const auto steps = object.integer("logits_steps", 0, info.logits ? batch.logits_steps : 0, 0);
    read_logits(read, object, static_cast<std::size_t>(steps), values, info);
    object.reject_unknown();
  }
  if (!values.empty()) invalid(fmt::format("{} values that belong to no step", values.size()));
  return answers;
}

Trace read_trace(const Json& answer, std::span<const float> values, int steps) {
  JsonObject all(answer, "answer");
  Trace trace;
  std::set<std::tuple<Op, int, int>> seen;
  const Json& ops = array_of(all, "ops");
  for (std::size_t i = 0; i < ops.size(); ++i) {
    JsonObject object(ops[i], fmt::format("ops[{}]", i));
    const std::string& name = object.require_string("op");
    const std::optional<Op> op = op_of_name(name);
    if (!op) object.fail("op", "the name of an operation", ops[i]["op"]);
    TracedOp& traced = trace.ops.emplace_back();
    traced.op = *op;
    traced.layer = is_in_layer(*op) ? static_cast<int>(object.integer("layer", 0, 9999, -1)) : -1;
    if (is_in_layer(*op)) object.require("layer");
    traced.step = static_cast<int>(object.integer("step", 0, steps - 1, 0));
    traced.tokens = static_cast<int>(object.integer("tokens", 1, kMostTokens, 0));
    traced.width = static_cast<int>(object.integer("width", 1, kMostTokens, 0));
    const std::size_t size = static_cast<std::size_t>(traced.tokens) * static_cast<std::size_t>(traced.width);
    if (size == 0 || size > values.size()) {
      invalid(fmt::format("ops[{}]: {} × {} values, and {} are left", i, traced.tokens, traced.width,
                          values.size()));
    }
    traced.values.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size));
    values = values.subspan(size);
    if (!seen.emplace(traced.op, traced.layer, traced.step).second) {
      invalid(fmt::format("ops[{}]: {} of step {} for the second time", i, full_name(*op, traced.layer),
                          traced.step));
    }
  }
  if (!values.empty()) invalid(fmt::format("{} values that belong to no operation", values.size()));
  return trace;
}

}  // namespace isobatch::audit
