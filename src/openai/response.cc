#include <fmt/format.h>
#include <xxhash.h>

#include <nlohmann/json.hpp>

#include "isobatch/openai.h"

namespace isobatch::openai {
namespace {

using OrderedJson = nlohmann::ordered_json;  // keys stay in the order written here

// 32 hex digits from what makes the record what it is.
std::string derive_id(std::string_view custom_id, std::string_view content) {
  const std::string key = fmt::format("{}:{}{}", custom_id.size(), custom_id, content);
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// Names in model files need not be UTF-8.
std::string to_line(const OrderedJson& record) {
  return record.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

const char* finish_reason_name(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : reason == FinishReason::length ? "length" : "error";
}

}  // namespace

std::string response_record(const BatchLine& line, std::size_t prompt_tokens, const Result& result,
                            const Responder& responder) {
  const std::string digest = to_hex(result.digest);
  const std::string id = derive_id(line.custom_id, digest);
  const OrderedJson choice = {
      {"index", 0},
      {"message", {{"role", "assistant"}, {"content", result.text}}},
      {"logprobs", nullptr},
      {"finish_reason", finish_reason_name(result.finish_reason)},
  };
  const OrderedJson body = {
      {"id", "chatcmpl-" + id},
      {"object", "chat.completion"},
      {"created", 0},
      {"model", responder.model},
      {"choices", OrderedJson::array({choice})},
      {"usage",
       {{"prompt_tokens", prompt_tokens},
        {"completion_tokens", result.tokens.size()},
        {"total_tokens", prompt_tokens + result.tokens.size()}}},
      {"system_fingerprint", responder.fingerprint},
      {"isobatch", {{"digest", digest}, {"token_ids", result.tokens}}},
  };
  return to_line({{"id", "batch_req_" + id},
                  {"custom_id", line.custom_id},
                  {"response", {{"status_code", 200}, {"request_id", "req_" + id}, {"body", body}}},
                  {"error", nullptr}});
}

std::string error_record(const BatchLine& line, std::string_view message) {
  const std::string text = fmt::format("line {}: {}", line.number, message);
  return to_line({{"id", "batch_req_" + derive_id(line.custom_id, text)},
                  {"custom_id", line.custom_id},
                  {"response", nullptr},
                  {"error", {{"code", "invalid_request"}, {"message", text}, {"line", line.number}}}});
}

}  // namespace isobatch::openai
