// Runs the lines of an input through an engine: as many at a time as it has use for, each record as soon as
// its turn comes. Memory does not grow with the input.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "id_set.h"
#include "isobatch/engine.h"
#include "job_output.h"
#include "line_reader.h"
#include "progress.h"

namespace isobatch::cli {

// What a subcommand makes of one line.
class LineTask {
 public:
  virtual ~LineTask() = default;
  // Empty when the line can be answered.
  virtual std::string error() const = 0;
  virtual const std::string& id() const = 0;
  // What is asked of the engine, in any number. Called once, and not for a line that has its record from an
  // earlier run. Throws Error when the line cannot be answered.
  virtual std::vector<Request> take_requests() = 0;
  // The record of the results, in the order of the requests; none of them has failed.
  virtual std::string answer(std::span<const Result> results) const = 0;
  // The record of a line that gets no answer.
  virtual std::string refusal(std::string_view message) const = 0;
};
// Why a line with a custom_id that an earlier one has gets no answer.
inline constexpr const char* kIdStoodBefore = "custom_id: an earlier line has the same one";

using ReadTask = std::function<std::unique_ptr<LineTask>(const InputLine& line)>;

class LineJob {
 public:
  // `reader` and `output` must outlive it. The engine is no larger than the input asks for.
  LineJob(std::shared_ptr<const Model> model, const Tuning& tuning, LineReader& reader, RecordSink& output,
          ReadTask read_task, const char* label = "answering");

  // False when interrupted; what is done is kept. Throws Error.
  bool run();

  struct Tally {
    std::size_t records = 0;  // of this run
    std::size_t answers = 0;  // those of them that did not fail
    std::size_t new_tokens = 0;
    double seconds = 0;
  };
  const Tally& tally() const { return tally_; }
  const Engine& engine() const { return *engine_; }

 private:
  struct Open {      // a line that has no record yet
    InputLine line;  // its text is gone
    std::unique_ptr<LineTask> task;
    std::vector<Request> requests;
    std::vector<Result> results;
    std::size_t missing = 0;  // results
    std::string error;
  };
  struct Place {
    std::shared_ptr<Open> line;
    std::size_t request;
  };

  std::shared_ptr<Open> read_line();
  void read_ahead(std::size_t requests);
  void feed();
  void submit(const std::shared_ptr<Open>& line);
  void collect();
  void finish(Open& line);

  std::shared_ptr<const Model> model_;
  Tuning tuning_;
  LineReader& reader_;
  RecordSink& output_;
  ReadTask read_task_;
  std::unique_ptr<Engine> engine_;
  IdSet ids_;
  std::deque<std::shared_ptr<Open>> ahead_;  // read, not submitted
  std::size_t requests_ahead_ = 0;
  std::unordered_map<Engine::RequestId, Place> running_;
  std::optional<ProgressBar> bar_;
  std::uint64_t bytes_done_ = 0;  // of the input
  Tally tally_;
};

}  // namespace isobatch::cli
