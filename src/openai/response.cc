#include <fmt/format.h>
#include <xxhash.h>

#include "isobatch/openai.h"
#include "openai/described_options.h"

namespace isobatch::openai {

std::string derive_id(std::string_view custom_id, std::string_view content) {
  const std::string key = fmt::format("{}:{}{}", custom_id.size(), custom_id, content);
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string to_line(const OrderedJson& record) {
  return record.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

namespace {

const char* finish_reason_name(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : reason == FinishReason::length ? "length" : "error";
}

OrderedJson choice_of(std::size_t index, const Result& result, bool logprobs, const Responder& responder) {
  return {
      {"index", index},
      {"message", {{"role", "assistant"}, {"content", result.text}}},
      {"logprobs", logprobs ? described_logprobs(result, responder) : OrderedJson()},
      {"finish_reason", finish_reason_name(result.finish_reason)},
  };
}

// The receipt: what was computed, and what was asked for beside the line.
OrderedJson receipt_of(const BatchLine& line, std::span<const Result> results, bool raw) {
  std::vector<Digest> digests;
  for (const Result& result : results) digests.push_back(result.digest);
  OrderedJson receipt = {{"digest", to_hex(combine(digests))}};
  if (results.size() == 1) {
    receipt["token_ids"] = results[0].tokens;
  } else {
    OrderedJson choices = OrderedJson::array();
    for (const Result& result : results) {
      choices.push_back({{"digest", to_hex(result.digest)}, {"token_ids", result.tokens}});
    }
    receipt["choices"] = std::move(choices);
  }
  for (const Result& result : results) {
    if (!result.overflow.empty() && !receipt.contains("overflow")) receipt["overflow"] = result.overflow;
  }
  OrderedJson options = described_options(line.request, line.choices);
  if (!options.empty()) receipt["options"] = std::move(options);
  if (raw) receipt["raw"] = true;
  return receipt;
}

}  // namespace

std::string response_record(const BatchLine& line, std::size_t prompt_tokens, std::span<const Result> results,
                            const Responder& responder) {
  OrderedJson choices = OrderedJson::array();
  std::size_t completion_tokens = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    choices.push_back(choice_of(i, results[i], line.request.logprobs, responder));
    completion_tokens += results[i].tokens.size();
  }
  OrderedJson body = {
      {"id", ""},  // comes of all the rest
      {"object", "chat.completion"},
      {"created", 0},
      {"model", responder.model},
      {"choices", std::move(choices)},
      {"usage",
       {{"prompt_tokens", prompt_tokens},
        {"completion_tokens", completion_tokens},
        {"total_tokens", prompt_tokens + completion_tokens}}},
      {"system_fingerprint", responder.fingerprint},
      {"isobatch", receipt_of(line, results, responder.raw)},
  };
  const std::string id = derive_id(line.custom_id, to_line(body));
  body["id"] = "chatcmpl-" + id;
  return to_line(
      {{"id", "batch_req_" + id},
       {"custom_id", line.custom_id},
       {"response", {{"status_code", 200}, {"request_id", "req_" + id}, {"body", std::move(body)}}},
       {"error", nullptr}});
}

std::string error_record(const BatchLine& line, std::string_view message, const Responder& responder) {
  const std::string text = fmt::format("line {}: {}", line.number, message);
  OrderedJson record = {{"id", ""},  // comes of all the rest
                        {"custom_id", line.custom_id},
                        {"response", nullptr},
                        {"error", {{"code", "invalid_request"}, {"message", text}, {"line", line.number}}}};
  OrderedJson receipt = OrderedJson::object();
  if (responder.options != "{}") receipt["options"] = OrderedJson::parse(responder.options);
  if (responder.raw) receipt["raw"] = true;
  if (!receipt.empty()) record["isobatch"] = std::move(receipt);
  record["id"] = "batch_req_" + derive_id(line.custom_id, to_line(record));
  return to_line(record);
}

}  // namespace isobatch::openai
