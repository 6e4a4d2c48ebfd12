#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "isobatch/score.h"
#include "numerics/elementary.h"
#include "openai/described_options.h"

namespace isobatch::openai {
namespace {

constexpr double kLn2 = 0.69314718055994530942;

struct Total {
  double logprob = 0;
  std::size_t tokens = 0;
  bool greedy = true;

  void add(const Result& result) {
    for (const float logprob_of_token : result.prompt_logprobs) logprob += logprob_of_token;
    tokens += result.prompt_logprobs.size();
    greedy = greedy && std::ranges::all_of(result.prompt_greedy, [](char is) { return is != 0; });
  }
};

OrderedJson finite(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }

void put_tokens(OrderedJson& record, std::span<const Request> requests, std::span<const Result> results) {
  OrderedJson ids = OrderedJson::array(), logprobs = OrderedJson::array();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::vector<TokenId>& prompt = requests[i].prompt;
    for (auto it = prompt.begin() + requests[i].scored_from; it != prompt.end(); ++it) ids.push_back(*it);
    for (const float logprob : results[i].prompt_logprobs) logprobs.push_back(exact_number(logprob));
  }
  record["token_ids"] = std::move(ids);
  record["token_logprobs"] = std::move(logprobs);
}

OrderedJson score_of_continuation(const std::string& text, const Request& request, const Result& result,
                                  const ScoreOptions& options) {
  Total total;
  total.add(result);
  OrderedJson score = {{"logprob", finite(total.logprob)},
                       {"is_greedy", total.greedy},
                       {"tokens", total.tokens},
                       {"bytes", text.size()}};
  if (options.tokens) put_tokens(score, {&request, 1}, {&result, 1});
  return score;
}

OrderedJson score_of_text(const std::string& text, std::span<const Request> requests,
                          std::span<const Result> results, const ScoreOptions& options) {
  Total total;
  for (const Result& result : results) total.add(result);
  const double per_token = -total.logprob / static_cast<double>(total.tokens);
  const double bits = -total.logprob / (static_cast<double>(text.size()) * kLn2);
  constexpr double kMostExponent = 700;  // exp64 knows no more, and the perplexity means no more
  OrderedJson score = {
      {"logprob", finite(total.logprob)},
      {"tokens", total.tokens},
      {"bytes", text.size()},
      {"windows", results.size()},
      {"perplexity",
       std::abs(per_token) < kMostExponent ? OrderedJson(numerics::exp64(per_token)) : OrderedJson()},
      {"bits_per_byte", finite(bits)}};
  if (options.tokens) put_tokens(score, requests, results);
  return score;
}

}  // namespace

namespace {

// Of all the rest, as in records of batch.
std::string with_id(OrderedJson record) {
  record["id"] = "score-" + derive_id(record["custom_id"].get_ref<const std::string&>(), to_line(record));
  return to_line(record);
}

}  // namespace

std::string score_record(const ScoreLine& line, std::span<const Request> requests,
                         std::span<const Result> results, const Responder& responder,
                         const ScoreOptions& options) {
  OrderedJson record = {{"id", ""}, {"custom_id", line.custom_id}};
  if (line.text) {
    record["score"] = score_of_text(*line.text, requests, results, options);
  } else {
    OrderedJson scores = OrderedJson::array();
    for (std::size_t i = 0; i < results.size(); ++i) {
      scores.push_back(score_of_continuation(line.continuations[i], requests[i], results[i], options));
    }
    record["scores"] = std::move(scores);
  }
  record["model"] = responder.model;
  record["system_fingerprint"] = responder.fingerprint;
  record["error"] = nullptr;
  return with_id(std::move(record));
}

std::string score_error_record(const ScoreLine& line, std::string_view message) {
  return with_id({{"id", ""},
                  {"custom_id", line.custom_id},
                  {"error",
                   {{"code", "invalid_request"},
                    {"message", fmt::format("line {}: {}", line.number, message)},
                    {"line", line.number}}}});
}

}  // namespace isobatch::openai
