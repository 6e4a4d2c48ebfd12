// JSONL in, JSONL out, in input order. The output is the same bytes at any batch size, thread count and
// table.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "commands.h"
#include "interrupt.h"
#include "isobatch/engine.h"
#include "isobatch/error.h"
#include "isobatch/openai.h"
#include "options.h"
#include "output_file.h"
#include "progress.h"

namespace isobatch::cli {
namespace {

struct Options {
  ModelOptions model;
  Tuning tuning;
  Request request;
  bool raw = false;
  std::string input;
  std::string output;
};

bool is_blank(const std::string& line) { return line.find_first_not_of(" \t\r\n") == std::string::npos; }

// All lines that are not blank. A custom_id that was seen before is an error of the later line.
std::vector<openai::BatchLine> read_lines(std::istream& stream, const Options& options) {
  std::vector<openai::BatchLine> lines;
  std::set<std::string> custom_ids;
  std::size_t number = 0;
  for (std::string text; std::getline(stream, text);) {
    ++number;
    if (is_blank(text)) continue;
    openai::BatchLine line = openai::parse_batch_line(text, number, options.request);
    const bool is_new = custom_ids.insert(line.custom_id).second;
    if (!is_new && line.error.empty()) line.error = "custom_id: an earlier line has the same one";
    lines.push_back(std::move(line));
  }
  if (stream.bad()) throw Error(ErrorCode::io, fmt::format("input {}: cannot read", options.input));
  return lines;
}

std::vector<openai::BatchLine> read_input(const Options& options) {
  if (options.input == "-") return read_lines(std::cin, options);
  std::error_code ignored;
  if (std::filesystem::is_directory(options.input, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("input {}: is a folder", options.input));
  }
  if (std::filesystem::equivalent(options.input, options.output, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("output {}: is the input file", options.output));
  }
  std::ifstream file(options.input, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, fmt::format("input {}: cannot open", options.input));
  return read_lines(file, options);
}

// Writes records in input order, each as soon as all before it are there.
class OrderedRecords {
 public:
  OrderedRecords(OutputFile& file, std::size_t count) : file_(file), records_(count) {}
  void put(std::size_t index, std::string record) {
    records_[index] = std::move(record);
    for (; next_ < records_.size() && !records_[next_].empty(); ++next_) {
      file_.write_line(records_[next_]);
      records_[next_] = std::string();
    }
  }

 private:
  OutputFile& file_;
  std::vector<std::string> records_;  // empty: not there yet, or written
  std::size_t next_ = 0;
};

struct Tally {
  std::size_t answered = 0;
  std::size_t failed = 0;
  std::size_t new_tokens = 0;
  double seconds = 0;
};

// No larger than the job, so that the KV pool is not either.
Tuning fitted(Tuning tuning, std::size_t lines) {
  tuning.max_batch = static_cast<int>(std::clamp<std::size_t>(lines, 1, tuning.max_batch));
  return tuning;
}

class BatchJob {
 public:
  BatchJob(std::vector<openai::BatchLine> lines, std::shared_ptr<const Model> model, const Options& options,
           OutputFile& file)
      : lines_(std::move(lines)),
        model_(std::move(model)),
        responder_{model_->info().name, model_->fingerprint()},
        engine_(model_, fitted(options.tuning, lines_.size())),
        records_(file, lines_.size()),
        raw_(options.raw) {}

  // False when interrupted.
  bool run() {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < lines_.size(); ++i) submit(i);
    ProgressBar bar("answering", lines_.size());
    for (bool more = true; more;) {
      if (interrupted()) return false;
      more = engine_.step();
      for (const auto& [id, result] : engine_.take_finished()) finish(submitted_[id], result);
      bar.update(tally_.answered + tally_.failed);
    }
    tally_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return true;
  }

  const Tally& tally() const { return tally_; }
  const Engine& engine() const { return engine_; }

 private:
  struct Submitted {
    std::size_t line;
    std::size_t prompt_tokens;
  };

  void submit(std::size_t index) {
    openai::BatchLine& line = lines_[index];
    if (!line.error.empty()) return fail(index, line.error);
    try {
      line.request.prompt = openai::tokenize_prompt(line.prompt, *model_, raw_);
      const std::size_t prompt_tokens = line.request.prompt.size();
      engine_.submit(std::move(line.request));
      submitted_.push_back({index, prompt_tokens});
    } catch (const Error& error) {
      fail(index, error.what());
    }
    line.prompt = {};
  }

  void finish(const Submitted& submitted, const Result& result) {
    if (result.finish_reason == FinishReason::error) return fail(submitted.line, result.error);
    ++tally_.answered;
    tally_.new_tokens += result.tokens.size();
    records_.put(submitted.line, openai::response_record(lines_[submitted.line], submitted.prompt_tokens,
                                                         result, responder_));
  }

  void fail(std::size_t index, std::string_view message) {
    ++tally_.failed;
    records_.put(index, openai::error_record(lines_[index], message));
  }

  std::vector<openai::BatchLine> lines_;
  std::shared_ptr<const Model> model_;
  openai::Responder responder_;
  Engine engine_;
  OrderedRecords records_;
  bool raw_;
  std::vector<Submitted> submitted_;  // by Engine::RequestId
  Tally tally_;
};

int batch(const Options& options) {
  std::vector<openai::BatchLine> lines = read_input(options);
  catch_interrupts();
  OutputFile file(options.output);
  BatchJob job(std::move(lines), load_model(options.model), options, file);
  if (!job.run()) {
    fmt::print(stderr, "isobatch: interrupted, nothing written\n");
    return kInterrupted;
  }
  file.commit();
  const Tally& tally = job.tally();
  const double seconds = std::max(tally.seconds, 1e-9);
  fmt::print(stderr,
             "{} answered, {} failed in {:.2f} s: {:.2f} answers/s, {:.1f} new tokens/s{} ({} kernels, {} "
             "threads)\n",
             tally.answered, tally.failed, tally.seconds, tally.answered / seconds,
             tally.new_tokens / seconds, describe_drafts(job.engine().stats()), job.engine().kernels(),
             job.engine().threads());
  return tally.failed ? kSomeFailed : kAnswered;
}

}  // namespace

void add_batch(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("batch", "Answer the lines of a JSONL file in the OpenAI batch format");
  command->add_option("input", options->input, "JSONL file; - reads stdin")->required();
  command->add_option("-o,--output", options->output, "JSONL file, written when all is answered")->required();
  command->add_option("--batch-size", options->tuning.max_batch, "most requests that run at once")
      ->check(integer_in(1, 1 << 16))
      ->capture_default_str();
  command->add_flag("--raw", options->raw, "no chat template for messages");
  add_model_options(*command, options->model);
  add_request_options(*command, options->request);
  add_tuning_options(*command, options->tuning);
  command->callback([options, &run] { run = [options] { return batch(*options); }; });
}

}  // namespace isobatch::cli
