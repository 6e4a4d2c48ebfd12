#include "line_job.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "interrupt.h"
#include "isobatch/error.h"

namespace isobatch::cli {
namespace {

// Of records that wait for their turn; while there are more, no further line is read.
constexpr std::size_t kWaitingBytes = 64 << 20;

}  // namespace

LineJob::LineJob(std::shared_ptr<const Model> model, const Tuning& tuning, LineReader& reader,
                 RecordSink& output, ReadTask read_task, const char* label)
    : model_(std::move(model)),
      tuning_(tuning),
      reader_(reader),
      output_(output),
      read_task_(std::move(read_task)) {
  if (reader_.size() > 0) bar_.emplace(label, reader_.size());
}

bool LineJob::run() {
  const auto start = std::chrono::steady_clock::now();
  read_ahead(static_cast<std::size_t>(tuning_.max_batch));
  if (interrupted()) return false;
  if (reader_.at_end()) {
    tuning_.max_batch = static_cast<int>(
        std::clamp<std::size_t>(requests_ahead_, 1, static_cast<std::size_t>(tuning_.max_batch)));
  }
  engine_ = std::make_unique<Engine>(model_, tuning_);
  do {
    feed();
    engine_->step();
    collect();
    output_.flush();
    if (bar_) bar_->update(bytes_done_);
    if (interrupted()) return false;
  } while (!running_.empty() || !ahead_.empty() || !reader_.at_end());
  tally_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return true;
}

// The next line that needs the engine; none at the end, or when interrupted.
std::shared_ptr<LineJob::Open> LineJob::read_line() {
  while (!interrupted()) {
    auto open = std::make_shared<Open>();
    if (!reader_.next(open->line)) return nullptr;
    open->task = read_task_(open->line);
    open->line.text = {};
    const bool is_new = ids_.insert(open->task->id());
    if (output_.has(open->line)) {
      bytes_done_ += open->line.end - open->line.offset;
    } else {
      open->error = open->task->error();
      if (open->error.empty() && !is_new) open->error = kIdStoodBefore;
      try {
        if (open->error.empty()) open->requests = open->task->take_requests();
      } catch (const Error& error) {
        open->error = error.what();
      }
      if (open->error.empty() && !open->requests.empty()) return open;
      finish(*open);
    }
    if (bar_) bar_->update(bytes_done_);
  }
  return nullptr;
}

// Lines with so many requests, as far as there are any and their records have room to wait.
void LineJob::read_ahead(std::size_t requests) {
  while (requests_ahead_ < requests && !reader_.at_end()) {
    const bool idle = running_.empty() && ahead_.empty();
    if (!idle && output_.waiting_bytes() > kWaitingBytes) return;
    auto line = read_line();
    if (!line) return;
    requests_ahead_ += line->requests.size();
    ahead_.push_back(std::move(line));
  }
}

// The engine has what it runs, and as much again to choose from.
void LineJob::feed() {
  const auto wanted = 2 * static_cast<std::size_t>(tuning_.max_batch);
  read_ahead(wanted - std::min(wanted, running_.size()));
  while (!ahead_.empty() && running_.size() < wanted) {
    const auto line = std::move(ahead_.front());
    ahead_.pop_front();
    requests_ahead_ -= line->requests.size();
    submit(line);
  }
}

void LineJob::submit(const std::shared_ptr<Open>& line) {
  line->results.resize(line->requests.size());
  for (std::size_t i = 0; i < line->requests.size() && line->error.empty(); ++i) {
    try {
      running_[engine_->submit(std::move(line->requests[i]))] = {line, i};
      ++line->missing;
    } catch (const Error& error) {
      line->error = error.what();
    }
  }
  line->requests.clear();
  if (line->missing == 0) finish(*line);
}

void LineJob::collect() {
  for (auto& [id, result] : engine_->take_finished()) {
    const auto it = running_.find(id);
    const Place place = std::move(it->second);
    running_.erase(it);
    if (result.finish_reason == FinishReason::error && place.line->error.empty()) {
      place.line->error = result.error;
    }
    place.line->results[place.request] = std::move(result);
    if (--place.line->missing == 0) finish(*place.line);
  }
}

void LineJob::finish(Open& line) {
  const bool failed = !line.error.empty();
  output_.put(line.line, failed ? line.task->refusal(line.error) : line.task->answer(line.results), failed);
  ++tally_.records;
  if (!failed) {
    ++tally_.answers;
    for (const Result& result : line.results) tally_.new_tokens += result.tokens.size();
  }
  bytes_done_ += line.line.end - line.line.offset;
}

}  // namespace isobatch::cli
