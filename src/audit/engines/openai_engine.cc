#include "audit/engines/openai_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "audit/engines/child_process.h"
#include "audit/engines/child_protocol.h"
#include "isobatch/error.h"
#include "openai/json_object.h"

namespace isobatch::audit {
namespace {

using openai::JsonObject;

constexpr std::string_view kChat = "/chat/completions";
constexpr std::string_view kCompletions = "/completions";
constexpr std::size_t kShownBytes = 300;  // of the first line of an error's body
constexpr int kSeed = 1;

[[noreturn]] void invalid(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

std::string first_line(std::string_view body) {
  const std::size_t begin = std::min(body.find_first_not_of("\r\n\t "), body.size());
  const std::string_view rest = body.substr(begin);
  return printable(rest.substr(0, rest.find('\n')), kShownBytes);
}

std::string_view path_of(const Prompt& prompt) { return prompt.messages.empty() ? kCompletions : kChat; }

Json body_of(const Row& row, const std::string& model, const std::string& limit, bool logprobs) {
  Json body = {{"model", model}, {"temperature", 0}, {"seed", kSeed}, {limit, row.max_tokens}};
  const Prompt& prompt = *row.prompt;
  if (!prompt.messages.empty()) {
    body["messages"] = describe_messages(prompt.messages);
    if (logprobs) body.update({{"logprobs", true}, {"top_logprobs", 2}});
  } else {
    body["prompt"] = prompt.text.empty() ? Json(prompt.tokens) : Json(prompt.text);
    if (logprobs) body["logprobs"] = 2;
  }
  if (row.ignore_eos) body["ignore_eos"] = true;  // no field of OpenAI's, but of most servers
  return body;
}

// The difference of the two greatest; none if there are not two.
std::optional<float> margin_of(std::vector<double> logprobs) {
  if (logprobs.size() < 2) return std::nullopt;
  std::partial_sort(logprobs.begin(), logprobs.begin() + 2, logprobs.end(), std::greater<>());
  return static_cast<float>(logprobs[0] - logprobs[1]);
}

// The log-probabilities of the candidates of each token, in either of the two forms: chat completions have
// content[].top_logprobs[].logprob, completions top_logprobs[]{token: logprob}.
std::vector<std::vector<double>> candidates_of(const Json& logprobs) {
  std::vector<std::vector<double>> result;
  if (!logprobs.is_object()) return result;
  const bool chat = logprobs.contains("content");
  const Json& tokens = chat ? logprobs["content"] : logprobs.value("top_logprobs", Json());
  if (!tokens.is_array()) return result;
  for (const Json& token : tokens) {
    std::vector<double>& values = result.emplace_back();
    const Json& candidates = chat && token.is_object() ? token.value("top_logprobs", Json()) : token;
    if (!candidates.is_structured()) continue;
    for (const Json& candidate : candidates) {
      const Json value = candidate.is_object() ? candidate.value("logprob", Json()) : candidate;
      if (value.is_number()) values.push_back(value.get<double>());
    }
  }
  return result;
}

// One number for each token, or nothing.
std::vector<float> margins_of(const Json& logprobs) {
  std::vector<float> margins;
  for (const std::vector<double>& candidates : candidates_of(logprobs)) {
    const std::optional<float> margin = margin_of(candidates);
    if (!margin) return {};
    margins.push_back(*margin);
  }
  return margins;
}

std::string text_of(JsonObject& message, const std::string& name) {
  const std::string* text = message.find_string(name);
  return text ? *text : std::string();
}

Answer read_answer(const std::string& body) {
  const Json json = openai::parse_json(body);
  JsonObject object(json, "");
  const Json& choices = object.require("choices");
  if (!choices.is_array() || choices.empty()) object.fail("choices", "an array of at least one", choices);
  JsonObject choice(choices[0], "choices[0]");
  Answer answer;
  if (const Json* value = choice.find("message")) {
    JsonObject message(*value, "choices[0].message");
    // Thoughts are part of what the model has said, and may be all of it.
    answer.text = text_of(message, "reasoning_content") + text_of(message, "content");
  } else {
    answer.text = choice.require_string("text");
  }
  const std::string* reason = choice.find_string("finish_reason");
  answer.stopped = reason && *reason == "stop";
  if (const Json* logprobs = choice.find("logprobs")) answer.margins = margins_of(*logprobs);
  return answer;
}

}  // namespace

OpenAiEngine::OpenAiEngine(std::string_view name, const EngineOptions& options)
    : service_(options.url, options.api_key, options.timeout_seconds) {
  info_.name = name;
  info_.dtypes = {"default"};
  info_.factors = {Factor::rerun, Factor::batch_size, Factor::order};
  for (const auto& [key, value] : options.settings) {
    if (key == "logprobs" && (value == "on" || value == "off")) {
      logprobs_ = value == "on" ? Logprobs::unknown : Logprobs::refused;
    } else if (key == "limit" && !value.empty()) {
      limit_ = value;
    } else {
      invalid(fmt::format("{}: setting {}={}: expected logprobs=on, logprobs=off or limit=FIELD", name, key,
                          value));
    }
  }
  info_.model = options.model_name.empty() ? first_model() : options.model_name;
  info_.details = {{"url", service_.address("")}, {"seed", std::to_string(kSeed)}};
}

void OpenAiEngine::fail(std::string_view path, const std::string& why) const {
  throw Error(ErrorCode::io, fmt::format("{}: {}: {}", info_.name, service_.address(path), why));
}

std::string OpenAiEngine::first_model() const {
  constexpr std::string_view kModels = "/models";
  const HttpAnswer answer = service_.get(kModels);
  if (!answer.failure.empty()) fail(kModels, answer.failure);
  if (answer.status != 200) fail(kModels, fmt::format("HTTP {}: {}", answer.status, first_line(answer.body)));
  try {
    const Json json = openai::parse_json(answer.body);
    JsonObject object(json, "");
    const Json& models = object.require("data");
    if (!models.is_array() || models.empty()) object.fail("data", "an array of at least one model", models);
    return JsonObject(models[0], "data[0]").require_string("id");
  } catch (const Error& error) {
    fail(kModels, fmt::format("{}; it begins: {}", error.what(), first_line(answer.body)));
  }
}

std::vector<TokenId> OpenAiEngine::tokenize(const Prompt&) {
  throw Error(ErrorCode::unsupported, info_.name + ": takes no token ids");
}

std::vector<HttpAnswer> OpenAiEngine::post(const Batch& batch) const {
  std::vector<std::string> bodies;
  for (const Row& row : batch.rows) {
    bodies.push_back(body_of(row, info_.model, limit_, logprobs_ != Logprobs::refused).dump());
  }
  return service_.post(path_of(*batch.rows.front().prompt), bodies);
}

std::vector<Answer> OpenAiEngine::generate(const Batch& batch, const Setting&) {
  if (batch.rows.empty()) return {};
  for (const Row& row : batch.rows) {
    if (!row.prompt) invalid(info_.name + ": a row without a prompt, and it takes no token ids");
    if (path_of(*row.prompt) != path_of(*batch.rows.front().prompt)) {
      invalid(info_.name + ": messages and text in one batch");
    }
  }
  const std::string_view path = path_of(*batch.rows.front().prompt);
  std::vector<HttpAnswer> answers = post(batch);
  const auto refuses = [](const HttpAnswer& answer) { return answer.status == 400 || answer.status == 422; };
  if (logprobs_ == Logprobs::unknown && std::any_of(answers.begin(), answers.end(), refuses)) {
    logprobs_ = Logprobs::refused;  // perhaps that was it: asked once more without
    answers = post(batch);
  }
  std::vector<Answer> result;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string where =
        answers.size() > 1 ? fmt::format("request {} of {}: ", i + 1, answers.size()) : "";
    if (!answers[i].failure.empty()) fail(path, where + answers[i].failure);
    if (answers[i].status != 200) {
      fail(path, fmt::format("{}HTTP {}: {}", where, answers[i].status, first_line(answers[i].body)));
    }
    try {
      result.push_back(read_answer(answers[i].body));
    } catch (const Error& error) {
      fail(path, fmt::format("{}{}; it begins: {}", where, error.what(), first_line(answers[i].body)));
    }
  }
  if (logprobs_ == Logprobs::unknown) logprobs_ = Logprobs::given;
  return result;
}

}  // namespace isobatch::audit
