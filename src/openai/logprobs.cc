#include "openai/described_options.h"

namespace isobatch::openai {
namespace {

// A token's text need not be UTF-8; its bytes are exact.
OrderedJson described_token(TokenId token, float logprob, const Responder& responder) {
  const std::string bytes = responder.token_bytes ? responder.token_bytes(token) : std::string();
  OrderedJson values = OrderedJson::array();
  for (const char byte : bytes) values.push_back(static_cast<unsigned char>(byte));
  return {{"token", bytes}, {"logprob", exact_number(logprob)}, {"bytes", std::move(values)}};
}

}  // namespace

OrderedJson described_logprobs(const Result& result, const Responder& responder) {
  OrderedJson content = OrderedJson::array();
  for (std::size_t i = 0; i < result.logprobs.size(); ++i) {
    OrderedJson token = described_token(result.tokens[i], result.logprobs[i], responder);
    OrderedJson top = OrderedJson::array();
    if (i < result.top_logprobs.size()) {
      for (const TokenLogprob& t : result.top_logprobs[i]) {
        top.push_back(described_token(t.token, t.logprob, responder));
      }
    }
    token["top_logprobs"] = std::move(top);
    content.push_back(std::move(token));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

std::string logprobs_json(const Result& result, const Responder& responder) {
  return described_logprobs(result, responder).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace isobatch::openai
