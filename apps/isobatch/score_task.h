#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "isobatch/model.h"
#include "isobatch/score.h"
#include "line_job.h"

namespace isobatch::cli {

// A line to score.
class ScoreTask : public LineTask {
 public:
  // All of the job's tasks share `scorer`.
  struct Scorer {
    std::shared_ptr<const Model> model;
    openai::Responder responder;
    openai::ScoreOptions options;
  };
  ScoreTask(openai::ScoreLine line, std::shared_ptr<const Scorer> scorer)
      : line_(std::move(line)), scorer_(std::move(scorer)) {}

  std::string error() const override { return line_.error; }
  const std::string& id() const override { return line_.custom_id; }

  std::vector<Request> take_requests() override {
    requests_ = openai::score_requests(line_, *scorer_->model);
    return requests_;
  }
  std::string answer(std::span<const Result> results) const override {
    return openai::score_record(line_, requests_, results, scorer_->responder, scorer_->options);
  }
  std::string refusal(std::string_view message) const override {
    return openai::score_error_record(line_, message);
  }

 private:
  openai::ScoreLine line_;
  std::shared_ptr<const Scorer> scorer_;
  std::vector<Request> requests_;
};

}  // namespace isobatch::cli
