#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "isobatch/model.h"
#include "isobatch/openai.h"
#include "line_job.h"

namespace isobatch::cli {

// A line in the OpenAI batch format.
class BatchTask : public LineTask {
 public:
  // All of the job's tasks share `answerer`.
  struct Answerer {
    std::shared_ptr<const Model> model;
    openai::Responder responder;
  };
  BatchTask(openai::BatchLine line, std::shared_ptr<const Answerer> answerer)
      : line_(std::move(line)), answerer_(std::move(answerer)) {}

  std::string error() const override { return line_.error; }
  const std::string& id() const override { return line_.custom_id; }

  std::vector<Request> take_requests() override {
    Request request = line_.request;
    request.prompt = openai::tokenize_prompt(line_.prompt, *answerer_->model, answerer_->responder.raw);
    line_.prompt = {};
    prompt_tokens_ = request.prompt.size();
    std::vector<Request> choices(static_cast<std::size_t>(line_.choices), request);
    for (std::size_t i = 0; i < choices.size(); ++i)
      choices[i].sampling.choice = static_cast<std::uint32_t>(i);
    return choices;
  }

  std::string answer(std::span<const Result> results) const override {
    return openai::response_record(line_, prompt_tokens_, results, answerer_->responder);
  }
  std::string refusal(std::string_view message) const override {
    return openai::error_record(line_, message, answerer_->responder);
  }

 private:
  openai::BatchLine line_;
  std::shared_ptr<const Answerer> answerer_;
  std::size_t prompt_tokens_ = 0;
};

}  // namespace isobatch::cli
