// The questions of prompts/yesno.jsonl, answered at one batch size.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "isobatch/engine.h"
#include "isobatch/model.h"

namespace isobatch::cli {

struct Question {
  std::vector<TokenId> prompt;
  bool yes = false;  // the expected answer
};

// Lines {"id", "messages", "answer": "yes" or "no"}. Throws Error with path and line.
std::vector<Question> read_questions(const std::string& path, const Model& model);

struct YesnoRun {
  int batch_size = 0;
  double seconds = 0;
  EngineStats stats;
  std::vector<Result> results;  // [questions]
};

// A fresh engine, all questions submitted at once. Throws Error when one ends in an error.
YesnoRun answer_questions(const std::vector<Question>& questions, const std::shared_ptr<const Model>& model,
                          const Tuning& tuning, const Request& options);

// Right when the first word, letters only and in any case, is the expected one.
bool is_right(const Result& result, const Question& question);

struct YesnoSummary {
  int batch_size = 0;
  double rows_per_decode_step = 0;  // drafted tokens included
  std::uint64_t max_decode_rows = 0;
  std::uint64_t drafted_tokens = 0;
  std::uint64_t accepted_tokens = 0;
  double prefill_tokens_per_second = 0;
  double decode_tokens_per_second = 0;  // chosen; drafts that were rejected are none
  double answers_per_second = 0;
  double speed_up = 0;        // over the base
  int different_answers = 0;  // token ids differ from the base's
  bool digests_equal = true;  // to the base's
  double right_yes = 0;       // share of the questions whose answer is yes
  double right_no = 0;
  double mean_tokens = 0;
};

YesnoSummary summarize(const YesnoRun& run, const YesnoRun& base, const std::vector<Question>& questions);

}  // namespace isobatch::cli
