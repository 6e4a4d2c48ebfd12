// The part of a body that says how to answer.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cfloat>
#include <cstdint>
#include <limits>

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
    Neutral{"chat_template_kwargs", "[{}]"},
    Neutral{"continue_final_message", "[false]"},
    Neutral{"echo", "[false]"},
    Neutral{"frequency_penalty", "[0]"},
    Neutral{"function_call", R"(["none", "auto"])"},  // there are no functions to call
    Neutral{"functions", "[[]]"},
    Neutral{"length_penalty", "[1]"},
    Neutral{"logit_bias", "[{}]"},
    Neutral{"logprobs", "[false]"},
    Neutral{"min_tokens", "[0]"},
    Neutral{"modalities", R"([["text"]])"},
    Neutral{"n", "[1]"},
    Neutral{"presence_penalty", "[0]"},
    Neutral{"repetition_penalty", "[1]"},
    Neutral{"response_format", R"([{"type": "text"}])"},
    Neutral{"skip_special_tokens", "[true]"},
    Neutral{"stop_token_ids", "[[]]"},
    Neutral{"stream", "[false]"},
    Neutral{"suffix", R"([""])"},
    Neutral{"tool_choice", R"(["none", "auto"])"},
    Neutral{"tools", "[[]]"},
    Neutral{"top_logprobs", "[0]"},
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

}  // namespace

void read_answer_options(JsonObject& body, Request& request) {
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
  read_max_tokens(body, request);
  read_stop(body, request);
  request.ignore_eos = body.boolean("ignore_eos", request.ignore_eos);
  read_neutral(body);
  for (const char* name : kHarmless) body.find(name);
}

}  // namespace isobatch::openai
