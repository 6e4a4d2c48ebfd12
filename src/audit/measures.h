// What a change has done to a set of answers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "isobatch/audit/engine.h"
#include "isobatch/audit/report.h"

namespace isobatch::audit {

// The answers to a list of prompts under one setting.
struct Run {
  std::vector<Answer> answers;  // [prompts]
  std::vector<double> seconds;  // [prompts] of its batch, shared among its rows
};

// Measures of `changed` against `reference`: the first answers of both, to the same prompts in the same
// order.
Measures measure(std::span<const Prompt* const> prompts, const Run& reference, const Run& changed);

// The rows of logits that measure() compares, as points of noise against margin.
std::vector<NoisePoint> noise_points(const Run& reference, const Run& changed, Factor factor,
                                     std::size_t prompts);

// Whether the first word of `text` is `answer`, whatever the case.
bool is_right(std::string_view text, std::string_view answer);

// Index of the first token (byte, without tokens) in which the answers differ; -1: they are the same.
int first_difference(const Answer& a, const Answer& b);

// Tokens; bytes where the engine gives none.
int length_of(const Answer& answer);

}  // namespace isobatch::audit
