// What is asked of the engine and what comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "isobatch/value.h"

namespace isobatch {

using TokenId = std::int32_t;

struct TokenBias {
  TokenId token = 0;
  float bias = 0.0f;
  bool operator==(const TokenBias&) const = default;
};

// Order of application: the penalties and the bias (N-ADJUST), then temperature, top_k, top_p, min_p
// (N-SAMPLE). temperature 0 is greedy; ties go to the smaller token id.
struct Sampling {
  float temperature = 0.0f;
  int top_k = 0;                           // 0: off
  float top_p = 1.0f;                      // 1: off
  float min_p = 0.0f;                      // 0: off
  float repetition_penalty = 1.0f;         // of tokens of the prompt and generated ones; 1: off
  float presence_penalty = 0.0f;           // of tokens that were generated; 0: off
  float frequency_penalty = 0.0f;          // times how often it was generated; 0: off
  std::vector<TokenBias> logit_bias = {};  // by ascending token, each once
  std::uint64_t seed = 0;
  std::uint32_t choice = 0;  // index among several answers to one prompt

  bool penalizes() const {
    return repetition_penalty != 1 || presence_penalty != 0 || frequency_penalty != 0;
  }
};

// What the text of an answer must be, from its first byte to its last: at most one of these is set. No token
// is chosen behind which the text could not become that; end tokens are where it is, and an answer that
// nothing may follow ends without one.
struct Constraint {
  std::string regex = {};                         // in the syntax of ECMA-262, matching the whole text; or
  std::vector<std::string> choices = {};          // one of these texts; or
  std::shared_ptr<const Value> schema = nullptr;  // the text is JSON that this JSON Schema accepts

  bool none() const { return regex.empty() && choices.empty() && !schema; }
  bool operator==(const Constraint& other) const {
    const bool same_schema = schema == other.schema || (schema && other.schema && *schema == *other.schema);
    return regex == other.regex && choices == other.choices && same_schema;
  }
};

struct Request {
  std::vector<TokenId> prompt;  // at least one token
  Sampling sampling;
  // New tokens; cut by the context, but at least one. 0: none, only the scores of a prompt of two tokens or
  // more.
  int max_tokens = 256;
  int min_tokens = 0;  // before that many, no end token is chosen, and their text is not searched for `stop`
  std::vector<std::string> stop;  // the text ends before the first of these
  bool ignore_eos = false;
  Constraint constraint = {};    // with ignore_eos, no end token is chosen
  bool logprobs = false;         // fill Result::logprobs
  int top_logprobs = 0;          // at most kMaxTopLogprobs: fill Result::top_logprobs with so many
  int logits = 0;                // fill Result::logits for so many first new tokens
  bool prompt_logprobs = false;  // fill Result::prompt_logprobs and prompt_greedy
  int scored_from = 1;           // index of the first prompt token whose score is wanted, at least 1
};

inline constexpr int kMaxTopLogprobs = 20;

enum class FinishReason { stop, length, error };

// XXH3-128 over the f32 bits of every logits row that a token was chosen from, in order.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest&) const = default;
};
std::string to_hex(const Digest& digest);  // 32 lower-case hex digits

// XXH3-128 over the hex digits of the digests of all choices, in the order of their index; of a single one,
// its own.
Digest combine(const std::vector<Digest>& choices);

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0.0f;
};

struct Result {
  std::vector<TokenId> tokens;  // includes the end token, or runs to the token that completed a stop string
  std::string text;             // decoded, without end token and stop string
  FinishReason finish_reason = FinishReason::length;
  Digest digest;
  std::vector<float>
      logprobs;  // [tokens], natural log, of each chosen token; before penalties and temperature
  std::vector<std::vector<TokenLogprob>> top_logprobs;  // [tokens][top_logprobs], greatest first
  std::vector<std::vector<float>> logits;  // [min(tokens, Request::logits)][vocab], as the digest folds them
  std::vector<float>
      prompt_logprobs;  // [prompt - scored_from], of prompt[scored_from..] given what stands before
  std::vector<char> prompt_greedy;  // likewise: whether it has the greatest logit, as greedy choice takes it
  std::string error;                // set when finish_reason is error
  // In dtype f16: the first operation whose result was inf or NaN on the way to a row of logits that a token
  // was chosen from, "layer 3: gate, at position 17"; empty when none was.
  std::string overflow;
};

}  // namespace isobatch
