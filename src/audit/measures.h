// What a change has done to a set of answers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "audit/logit_rows.h"
#include "isobatch/audit/engine.h"
#include "isobatch/audit/report.h"

namespace isobatch::audit {

// The answers to a list of prompts under one setting.
struct Run {
  std::vector<Answer> answers;  // [prompts]
  std::vector<double> seconds;  // [prompts] of its batch, shared among its rows
};

// A row of logits that both runs have, with the same tokens before it.
struct ComparedRow {
  std::size_t prompt = 0;
  std::size_t step = 0;
  RowDifference difference;
  float margin = 0;      // of the reference
  bool flipped = false;  // another token was chosen
};

// Of the first answers of both runs, `prompts` of them.
std::vector<ComparedRow> compare_rows(const Run& reference, const Run& changed, std::size_t prompts);

// Measures of `changed` against `reference`: the first answers of both, to the same prompts in the same
// order. `rows` are theirs.
Measures measure(std::span<const Prompt* const> prompts, const Run& reference, const Run& changed,
                 std::span<const ComparedRow> rows);

// Index of the first token (byte, without tokens) in which the answers differ; -1: they are the same.
int first_difference(const Answer& a, const Answer& b);

// Tokens; bytes where the engine gives none.
int length_of(const Answer& answer);

}  // namespace isobatch::audit
