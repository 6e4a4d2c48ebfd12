#include <fmt/format.h>

#include <cmath>

#include "isobatch/openai.h"
#include "openai/described_options.h"
#include "openai/json_value.h"

namespace isobatch::openai {

OrderedJson exact_number(float value) {
  return std::isfinite(value) ? OrderedJson::parse(fmt::format("{}", value)) : OrderedJson();
}

OrderedJson described_options(const Request& request, int choices) {
  const Request none;
  const Sampling& sampling = request.sampling;
  OrderedJson json = OrderedJson::object();
  const auto put = [&json](const char* name, const auto& value, const auto& otherwise) {
    if (value != otherwise) json[name] = value;
  };
  const auto put_number = [&json](const char* name, float value, float otherwise) {
    if (value != otherwise) json[name] = exact_number(value);
  };
  put("n", choices, 1);
  put("max_tokens", request.max_tokens, none.max_tokens);
  put_number("temperature", sampling.temperature, none.sampling.temperature);
  put("top_k", sampling.top_k, none.sampling.top_k);
  put_number("top_p", sampling.top_p, none.sampling.top_p);
  put_number("min_p", sampling.min_p, none.sampling.min_p);
  put_number("repetition_penalty", sampling.repetition_penalty, none.sampling.repetition_penalty);
  put_number("presence_penalty", sampling.presence_penalty, none.sampling.presence_penalty);
  put_number("frequency_penalty", sampling.frequency_penalty, none.sampling.frequency_penalty);
  for (const auto& [token, bias] : sampling.logit_bias)
    json["logit_bias"][std::to_string(token)] = exact_number(bias);
  put("min_tokens", request.min_tokens, none.min_tokens);
  put("logprobs", request.logprobs, none.logprobs);
  put("top_logprobs", request.top_logprobs, none.top_logprobs);
  if (const Constraint& constraint = request.constraint; !constraint.none()) {
    OrderedJson& outputs = json["structured_outputs"];
    if (constraint.schema) {
      outputs["json"] = to_json(*constraint.schema);
    } else if (!constraint.choices.empty()) {
      outputs["choice"] = constraint.choices;
    } else {
      outputs["regex"] = constraint.regex;
    }
  }
  put("seed", sampling.seed, none.sampling.seed);
  put("stop", request.stop, none.stop);
  put("ignore_eos", request.ignore_eos, none.ignore_eos);
  return json;
}

std::string describe_options(const Request& request, int choices) {
  return described_options(request, choices).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace isobatch::openai
