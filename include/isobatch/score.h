// What `score` reads and writes: the log-probability of continuations and of whole texts, as evaluation
// harnesses ask for them (lm-evaluation-harness: loglikelihood and loglikelihood_rolling).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "isobatch/model.h"
#include "isobatch/openai.h"
#include "isobatch/request.h"

namespace isobatch::openai {

struct ScoreLine {
  std::size_t number = 0;           // in the input file, from 1
  std::string custom_id;            // "line-<number>" when the line has none
  std::optional<std::string> text;  // to score as a whole; else:
  std::variant<std::string, ChatInput> context;
  std::vector<std::string> continuations;
  std::string error;  // why the line cannot be scored, empty when it can; the rest then does not count
};

// Reads one line of these forms, each with or without custom_id:
//   {"context": "…", "continuation": "…"}      {"context": "…", "continuations": ["…", …]}
//   {"messages": […], "continuation": "…"}     {"messages": […], "continuations": ["…", …]}
//   {"text": "…"}
// Does not throw on input.
ScoreLine parse_score_line(std::string_view line, std::size_t number);

// The requests that score a line, one for each continuation, or one for each window of a text; they generate
// nothing.
//
// Context and continuation are tokenized as one text; white space at the end of the context counts to the
// continuation. Where nothing stands before, Model::beginning() does. What is too long for the context loses
// tokens at its beginning. A text is cut into windows of as many tokens as the context has positions: each
// token is scored once, the last window has as many tokens before those as there is room for. Throws
// Error(invalid_argument, unsupported).
std::vector<Request> score_requests(const ScoreLine& line, const Model& model);

// What the record of a line says beside the scores.
struct ScoreOptions {
  bool tokens = false;  // the token ids and the log-probability of each
};

// One output line, without the newline. `requests` are those of the line, `results` theirs. A log-probability
// is the sum of those of its tokens, in order, in double precision.
std::string score_record(const ScoreLine& line, std::span<const Request> requests,
                         std::span<const Result> results, const Responder& responder,
                         const ScoreOptions& options);
std::string score_error_record(const ScoreLine& line, std::string_view message);

}  // namespace isobatch::openai
