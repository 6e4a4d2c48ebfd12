// The part of a body that says how to answer.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "isobatch/error.h"
#include "openai/body.h"

namespace isobatch::openai {
namespace {

// They cannot change the answer.
constexpr std::array kHarmless = {"metadata",   "parallel_tool_calls", "prompt_cache_key",
                                  "request_id", "safety_identifier",   "service_tier",
                                  "store",      "stream_options",      "user"};

// Not supported, so only the values that ask for nothing are let through.
struct Neutral {
  const char* field;
  const char* values;  // a JSON list
};
constexpr std::array kNeutral = {
    Neutral{"add_generation_prompt", "[true]"},
    Neutral{"best_of", "[1]"},
    Neutral{"continue_final_message", "[false]"},
    Neutral{"echo", "[false]"},
    Neutral{"function_call", R"(["none", "auto"])"},  // there are no functions to call
    Neutral{"functions", "[[]]"},
    Neutral{"length_penalty", "[1]"},
    Neutral{"modalities", R"([["text"]])"},
    Neutral{"skip_special_tokens", "[true]"},
    Neutral{"stop_token_ids", "[[]]"},
    Neutral{"stream", "[false]"},
    Neutral{"suffix", R"([""])"},
    Neutral{"tool_choice", R"(["none", "auto"])"},
    Neutral{"use_beam_search", "[false]"},
};

void read_neutral(JsonObject& body) {
  for (const Neutral& neutral : kNeutral) {
    const Json* value = body.find(neutral.field);
    if (!value) continue;
    const Json accepted = Json::parse(neutral.values);
    if (std::find(accepted.begin(), accepted.end(), *value) != accepted.end()) continue;
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: not supported, expected none or {}, got {}", body.path_of(neutral.field),
                            accepted[0].dump(), excerpt(*value)));
  }
}

void read_max_tokens(JsonObject& body, Request& request) {
  constexpr int kMost = std::numeric_limits<int>::max();
  const std::int64_t old_name = body.integer("max_tokens", 1, kMost, 0);
  const std::int64_t new_name = body.integer("max_completion_tokens", 1, kMost, 0);
  if (old_name && new_name && old_name != new_name) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: expected the same value as max_completion_tokens, {}, got {}",
                            body.path_of("max_tokens"), new_name, old_name));
  }
  if (old_name || new_name) request.max_tokens = static_cast<int>(old_name ? old_name : new_name);
}

void read_stop(JsonObject& body, Request& request) {
  const Json* stop = body.find("stop");
  if (!stop) return;
  const Json list = stop->is_array() ? *stop : Json::array({*stop});
  request.stop.clear();
  for (const Json& text : list) {
    if (!text.is_string() || text == "")
      body.fail("stop", "a text or a list of texts, none of them empty", *stop);
    request.stop.push_back(text.get<std::string>());
  }
}

void read_penalties(JsonObject& body, Sampling& sampling) {
  sampling.repetition_penalty = body.number(
      "repetition_penalty", "a finite number above 0", [](float x) { return x > 0 && x <= FLT_MAX; },
      sampling.repetition_penalty);
  for (const auto& [name, value] : {std::pair{"presence_penalty", &sampling.presence_penalty},
                                    std::pair{"frequency_penalty", &sampling.frequency_penalty}}) {
    *value = body.number(
        name, "a number from -2 to 2", [](float x) { return x >= -2 && x <= 2; }, *value);
  }
}

// {"<token id>": bias, …}
void read_logit_bias(JsonObject& body, Sampling& sampling) {
  const Json* biases = body.find("logit_bias");
  if (!biases) return;
  if (!biases->is_object()) body.fail("logit_bias", "an object of token ids and numbers", *biases);
  sampling.logit_bias.clear();
  for (const auto& [name, value] : biases->items()) {
    TokenId token = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, token);
    const bool is_id = error == std::errc() && stop == end && token >= 0 && name == std::to_string(token);
    if (!is_id) body.fail("logit_bias", "token ids as its keys", name);
    const std::string field = fmt::format("logit_bias.{}", name);
    if (!value.is_number() || std::abs(value.get<double>()) > 100) {
      body.fail(field, "a number from -100 to 100", value);
    }
    sampling.logit_bias.push_back({token, value.get<float>()});
  }
  std::ranges::sort(sampling.logit_bias, {}, &TokenBias::token);
}

// A chat completion has `logprobs` true and `top_logprobs`, a completion has `logprobs` with that number.
void read_logprobs(JsonObject& body, Request& request) {
  if (const Json* logprobs = body.find("logprobs"); logprobs && logprobs->is_boolean()) {
    request.logprobs = logprobs->get<bool>();
    if (!request.logprobs) request.top_logprobs = 0;
  } else if (logprobs) {
    request.logprobs = true;
    request.top_logprobs = static_cast<int>(body.integer("logprobs", 0, kMaxTopLogprobs, 0));
  }
  const auto top = body.integer("top_logprobs", 0, kMaxTopLogprobs, request.top_logprobs);
  if (const Json* asked = body.find("top_logprobs"); asked && top > 0 && !request.logprobs) {
    body.fail("top_logprobs", "logprobs to be true beside it", *asked);
  }
  request.top_logprobs = static_cast<int>(top);
}

}  // namespace

void read_answer_options(JsonObject& body, Request& request, int& choices) {
  body.find_string("model");  // the model that answers is the one that was loaded; the response names it
  Sampling& sampling = request.sampling;
  sampling.temperature = body.number(
      "temperature", "a finite number of at least 0", [](float x) { return x >= 0 && x <= FLT_MAX; },
      sampling.temperature);
  const auto top_k = body.integer("top_k", -1, std::numeric_limits<int>::max(), sampling.top_k);
  sampling.top_k = static_cast<int>(top_k == -1 ? 0 : top_k);  // vLLM writes -1 for off
  sampling.top_p = body.number(
      "top_p", "a number above 0, at most 1", [](float x) { return x > 0 && x <= 1; }, sampling.top_p);
  sampling.min_p = body.number(
      "min_p", "a number from 0 to 1", [](float x) { return x >= 0 && x <= 1; }, sampling.min_p);
  if (const Json* seed = body.find("seed")) {
    if (!seed->is_number_unsigned()) body.fail("seed", "an integer from 0 to 2^64 - 1", *seed);
    sampling.seed = seed->get<std::uint64_t>();
  }
  read_penalties(body, sampling);
  read_logit_bias(body, sampling);
  read_max_tokens(body, request);
  request.min_tokens =
      static_cast<int>(body.integer("min_tokens", 0, std::numeric_limits<int>::max(), request.min_tokens));
  read_logprobs(body, request);
  choices = static_cast<int>(body.integer("n", 1, kMaxChoices, choices));
  read_stop(body, request);
  request.ignore_eos = body.boolean("ignore_eos", request.ignore_eos);
  read_constraint(body, request);
  read_neutral(body);
  for (const char* name : kHarmless) body.find(name);
}

}  // namespace isobatch::openai
