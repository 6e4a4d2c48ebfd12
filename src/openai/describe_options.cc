#include <fmt/format.h>

#include "isobatch/openai.h"
#include "openai/described_options.h"

namespace isobatch::openai {
namespace {

// The shortest number that is rounded to the same f32.
OrderedJson number(float value) { return OrderedJson::parse(fmt::format("{}", value)); }

}  // namespace

OrderedJson described_options(const Request& request) {
  const Request none;
  const Sampling& sampling = request.sampling;
  OrderedJson json = OrderedJson::object();
  const auto put = [&json](const char* name, const auto& value, const auto& otherwise) {
    if (value != otherwise) json[name] = value;
  };
  const auto put_number = [&json](const char* name, float value, float otherwise) {
    if (value != otherwise) json[name] = number(value);
  };
  put("max_tokens", request.max_tokens, none.max_tokens);
  put_number("temperature", sampling.temperature, none.sampling.temperature);
  put("top_k", sampling.top_k, none.sampling.top_k);
  put_number("top_p", sampling.top_p, none.sampling.top_p);
  put_number("min_p", sampling.min_p, none.sampling.min_p);
  put("seed", sampling.seed, none.sampling.seed);
  put("stop", request.stop, none.stop);
  put("ignore_eos", request.ignore_eos, none.ignore_eos);
  return json;
}

std::string describe_options(const Request& request) {
  return described_options(request).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace isobatch::openai
