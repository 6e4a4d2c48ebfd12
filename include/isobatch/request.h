// What is asked of the engine and what comes back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isobatch {

using TokenId = std::int32_t;

// Order of application (N-SAMPLE): temperature, top_k, top_p, min_p. temperature 0 is greedy; ties go to the
// smaller token id.
struct Sampling {
  float temperature = 0.0f;
  int top_k = 0;       // 0: off
  float top_p = 1.0f;  // 1: off
  float min_p = 0.0f;  // 0: off
  std::uint64_t seed = 0;
  std::uint32_t choice = 0;  // index among several answers to one prompt
};

struct Request {
  std::vector<TokenId> prompt;  // at least one token
  Sampling sampling;
  int max_tokens = 256;           // new tokens, > 0; cut by the context, but at least one
  std::vector<std::string> stop;  // the text ends before the first of these
  bool ignore_eos = false;
  bool logprobs = false;         // fill Result::logprobs
  bool prompt_logprobs = false;  // fill Result::prompt_logprobs
};

enum class FinishReason { stop, length, error };

// XXH3-128 over the f32 bits of every logits row that a token was chosen from, in order.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest&) const = default;
};
std::string to_hex(const Digest& digest);  // 32 lower-case hex digits

struct Result {
  std::vector<TokenId> tokens;  // includes the end token, or runs to the token that completed a stop string
  std::string text;             // decoded, without end token and stop string
  FinishReason finish_reason = FinishReason::length;
  Digest digest;
  std::vector<float> logprobs;         // [tokens], natural log, of each chosen token
  std::vector<float> prompt_logprobs;  // [prompt - 1], of prompt[1..] given what stands before
  std::string error;                   // set when finish_reason is error
};

}  // namespace isobatch
