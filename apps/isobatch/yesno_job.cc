#include "yesno_job.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "isobatch/audit/audit.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "progress.h"

namespace isobatch::cli {
namespace {

Question read_question(const std::string& text, std::size_t number, const Model& model) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const bool valid = json.is_object() && json.contains("messages") && json.contains("answer") &&
                     (json["answer"] == "yes" || json["answer"] == "no");
  if (!valid)
    throw Error(ErrorCode::corrupt_file, R"(expected an object with messages and "answer": "yes" or "no")");
  Question question;
  question.yes = json["answer"] == "yes";
  const nlohmann::json body = {{"messages", json["messages"]}};
  const openai::BatchLine line = openai::parse_batch_line(body.dump(), number, {});
  if (!line.error.empty()) throw Error(ErrorCode::corrupt_file, line.error);
  question.prompt = openai::tokenize_prompt(line.prompt, model, /*raw=*/false);
  return question;
}

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : 0; }

}  // namespace

std::vector<Question> read_questions(const std::string& path, const Model& model) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, fmt::format("prompts {}: cannot open", path));
  std::vector<Question> questions;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      questions.push_back(read_question(line, number, model));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("prompts {}: line {}: {}", path, number, error.what()));
    }
  }
  if (questions.empty()) throw Error(ErrorCode::corrupt_file, fmt::format("prompts {}: no questions", path));
  return questions;
}

YesnoRun answer_questions(const std::vector<Question>& questions, const std::shared_ptr<const Model>& model,
                          const Tuning& tuning, const Request& options) {
  Engine engine(model, tuning);
  for (const Question& question : questions) {
    Request request = options;
    request.prompt = question.prompt;
    engine.submit(std::move(request));
  }
  YesnoRun run;
  run.batch_size = tuning.max_batch;
  run.results.resize(questions.size());
  ProgressBar bar(fmt::format("batch {:<3}", tuning.max_batch), questions.size());
  std::size_t done = 0;
  const auto start = std::chrono::steady_clock::now();
  for (bool more = true; more;) {
    more = engine.step();
    for (auto& [id, result] : engine.take_finished()) {
      if (result.finish_reason == FinishReason::error) {
        throw Error(ErrorCode::unsupported, fmt::format("question {}: {}", id + 1, result.error));
      }
      run.results[id] = std::move(result);
      ++done;
    }
    bar.update(done);
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.stats = engine.stats();
  return run;
}

bool is_right(const Result& result, const Question& question) {
  return audit::is_right(result.text, question.yes ? "yes" : "no");
}

YesnoSummary summarize(const YesnoRun& run, const YesnoRun& base, const std::vector<Question>& questions) {
  YesnoSummary summary;
  double count[2] = {};  // of questions, by expected answer
  double right[2] = {};
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Result& result = run.results[i];
    count[questions[i].yes] += 1;
    right[questions[i].yes] += is_right(result, questions[i]);
    tokens += result.tokens.size();
    summary.different_answers += result.tokens != base.results[i].tokens;
    summary.digests_equal &= result.digest == base.results[i].digest;
  }
  const EngineStats& stats = run.stats;
  summary.batch_size = run.batch_size;
  summary.rows_per_decode_step = ratio(stats.decode_rows, stats.decode_steps);
  summary.max_decode_rows = stats.max_decode_rows;
  summary.prefill_tokens_per_second = ratio(stats.prefill_rows, stats.prefill_seconds);
  summary.drafted_tokens = stats.drafted_tokens;
  summary.accepted_tokens = stats.accepted_tokens;
  summary.decode_tokens_per_second =
      ratio(stats.decode_rows - stats.drafted_tokens + stats.accepted_tokens, stats.decode_seconds);
  summary.answers_per_second = ratio(questions.size(), run.seconds);
  summary.speed_up = ratio(base.seconds, run.seconds);
  summary.right_yes = ratio(right[true], count[true]);
  summary.right_no = ratio(right[false], count[false]);
  summary.mean_tokens = ratio(tokens, questions.size());
  return summary;
}

}  // namespace isobatch::cli
