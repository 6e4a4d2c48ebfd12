// The OpenAI batch format: a JSONL line to a request, a result to a response record. No output depends on
// anything but the line, the model and the result, so equal results give equal bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "isobatch/model.h"
#include "isobatch/request.h"

namespace isobatch::openai {

// Chat messages, raw text, or raw token ids (padding already stripped).
using Prompt = std::variant<ChatInput, std::string, std::vector<TokenId>>;

struct BatchLine {
  std::size_t number = 0;  // in the input file, from 1
  std::string custom_id;   // "line-<number>" when the line has none
  Prompt prompt;
  Request request;  // all but its prompt
  int choices = 1;  // n: answers, each with the request's choice replaced by its index
  std::string
      error;  // why the line cannot be answered, empty when it can; prompt and request then do not count
};

// At most so many choices of a line.
inline constexpr int kMaxChoices = 128;

// Reads one line of any of the four forms:
//   {"custom_id", "method": "POST", "url": "/v1/chat/completions" or "/v1/completions", "body": {…}}
//   {"messages": […]}   {"prompt": "…"}   {"input_ids": […], "attention_mask": […]}
// The last three may carry custom_id and the fields of a body beside them. Values of the body override
// `defaults`. A field that would change the answer and is not supported is an error, never ignored. Does not
// throw on input. Format: https://platform.openai.com/docs/api-reference/batch
BatchLine parse_batch_line(std::string_view line, std::size_t number, const Request& defaults,
                           int default_choices = 1);

// A JSON text, objects in its order. Integers beyond 64 bits become floating-point numbers. Throws
// Error(invalid_argument): not JSON, a key twice in one object, nested too deeply.
Value parse_value(std::string_view text);

// A JSON object of the fields, named as in a body, in which `request` differs from Request{}, and of `n`
// choices; the prompt is left out. Read as a body again, it gives the same request.
std::string describe_options(const Request& request, int choices);

// The tokens of `prompt`. Messages go through the chat template; with `raw`, or when the model has none, a
// single message is taken as it is and several are an error. Text and ids are raw. Throws
// Error(invalid_argument, unsupported).
std::vector<TokenId> tokenize_prompt(const Prompt& prompt, const Model& model, bool raw);

// Who answered; the same for all lines of a job.
struct Responder {
  std::string model;                                     // ModelInfo::name
  std::string fingerprint;                               // Model::fingerprint()
  std::function<std::string(TokenId)> token_bytes = {};  // of Model; for lines that ask for logprobs
  bool raw = false;                                      // of tokenize_prompt()
  // What lines ask for that do not say otherwise: describe_options().
  std::string options = "{}";
};

// One output line, without the newline: a batch response whose body is a chat completion. `results`: of the
// choices.
std::string response_record(const BatchLine& line, std::size_t prompt_tokens, std::span<const Result> results,
                            const Responder& responder);
// The log-probabilities of an answer in OpenAI's form, as JSON.
std::string logprobs_json(const Result& result, const Responder& responder);
// One output line for an input line that got no answer. `message` is one line.
std::string error_record(const BatchLine& line, std::string_view message, const Responder& responder);

// What a record says of itself: enough to compute it again from its input line.
struct Receipt {
  std::string custom_id;
  std::optional<std::size_t> error_line;  // of an error record: the number of its line
  std::string fingerprint;                // of the model; empty in an error record
  Request request;                        // what was asked for, where the line does not say otherwise
  int choices = 1;
  bool raw = false;
  bool score = false;         // a record of `score`; what was asked for is all in its line, and
  bool score_tokens = false;  // ScoreOptions::tokens
  // Why it is no record of `batch` or `score`, empty when it is one. If not, custom_id and error_line are as
  // far as known.
  std::string error;
};
// Does not throw on input. A record whose ids do not fit the rest of it is none.
Receipt read_receipt(std::string_view record);

// Where two records differ: the first place and both values; empty when they say the same.
std::string record_difference(std::string_view record, std::string_view expected);

}  // namespace isobatch::openai
