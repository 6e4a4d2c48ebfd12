#include "audit/engines/child_engine.h"

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <span>
#include <utility>

#include "isobatch/error.h"
#include "openai/json_object.h"

namespace isobatch::audit {
namespace {

constexpr std::size_t kLineBytes = 64 << 20;  // of an answer before its values
constexpr std::size_t kShownBytes = 80;       // of an answer that is none

// The child's own words: it lives, and can be asked other things.
struct Refusal {
  std::string message;
};

ChildProcess::Deadline deadline_after(double seconds) {
  const auto duration = std::chrono::duration<double>(std::min(seconds, 1e8));
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
}

[[noreturn]] void nonsense(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

Json parse(const std::string& line) {
  try {
    return openai::parse_json(line);
  } catch (const Error& error) {
    nonsense(
        fmt::format("expected a line of JSON, got \"{}\" ({})", printable(line, kShownBytes), error.what()));
  }
}

std::string rows_of(const Batch& batch) {
  return fmt::format("{} row{}", batch.rows.size(), batch.rows.size() == 1 ? "" : "s");
}

}  // namespace

static_assert(std::endian::native == std::endian::little, "values are sent as the machine has them");

ChildEngine::ChildEngine(std::string_view name, ChildCommand command, EngineOptions options)
    : name_(name), command_(std::move(command)), options_(std::move(options)) {
  start();
}

void ChildEngine::start() {
  ++starts_;
  try {
    child_ = std::make_unique<ChildProcess>(command_);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", name_.empty() ? "adapter" : name_, error.what()));
  }
  EngineInfo info = ask_and_read(start_question(options_), "start", 0, [this](const Reply& reply) {
    openai::JsonObject object(reply.answer, "answer");
    return read_info(object.require("info"), name_);
  });
  if (!info_.name.empty() &&
      (info.name != info_.name || info.version != info_.version || info.vocab_size != info_.vocab_size)) {
    starts_ = kMostStarts;
    child_.reset();
    last_failure_ = "after a new start it is another engine";
    fail("start", last_failure_);
  }
  info_ = std::move(info);
}

void ChildEngine::fail(std::string_view what, const std::string& why) {
  const std::string& name = info_.name.empty() ? name_ : info_.name;
  throw Error(ErrorCode::io, fmt::format("{}: {}: {}", name.empty() ? "adapter" : name, what, why));
}

ChildEngine::Reply ChildEngine::exchange(Json question, std::size_t most_values) {
  const ChildProcess::Deadline deadline = deadline_after(options_.timeout_seconds);
  question["number"] = ++asked_;
  // A child that has closed its input may still have said why.
  child_->write(question.dump() + "\n", deadline);
  const std::optional<std::string> line = child_->read_line(kLineBytes, deadline);
  if (!line) throw Error(ErrorCode::io, "ended: " + child_->describe_end());
  Reply reply{parse(*line), {}};
  openai::JsonObject object(reply.answer, "answer");
  const Json& number = object.require("number");
  if (number != asked_) object.fail("number", fmt::format("{}, the question's", asked_), number);
  if (const std::string* error = object.find_string("error")) throw Refusal{printable(*error, 2000)};
  const auto count = object.integer("values", 0, static_cast<std::int64_t>(most_values), 0);
  reply.values.resize(static_cast<std::size_t>(count));
  if (!child_->read(std::as_writable_bytes(std::span(reply.values)), deadline)) {
    throw Error(ErrorCode::io, fmt::format("ended within {} values: {}", count, child_->describe_end()));
  }
  return reply;
}

ChildEngine::Reply ChildEngine::ask(Json question, std::string_view what, std::size_t most_values) {
  if (!child_) {
    if (starts_ >= kMostStarts) fail(what, "not asked any more; before: " + last_failure_);
    start();
  }
  return exchange(std::move(question), most_values);
}

template <class Read>
std::invoke_result_t<Read, const ChildEngine::Reply&> ChildEngine::ask_and_read(Json question,
                                                                                const std::string& what,
                                                                                std::size_t most_values,
                                                                                Read read) {
  try {
    return read(ask(std::move(question), what, most_values));
  } catch (const Refusal& refusal) {
    fail(what, refusal.message);
  } catch (const Error& error) {
    if (!child_) throw;  // of start(), or not asked
    last_failure_ = error.what();
    if (last_failure_ == ChildProcess::kTooLate) {
      last_failure_ = fmt::format("no answer within {:g} s", options_.timeout_seconds);
    }
    const std::string message = child_->last_message();
    if (!message.empty()) last_failure_ += fmt::format("; its last message: \"{}\"", message);
    child_.reset();
    fail(what, last_failure_);
  }
}

std::vector<TokenId> ChildEngine::tokenize(const Prompt& prompt) {
  return ask_and_read(tokenize_question(prompt), fmt::format("tokenize \"{}\"", printable(prompt.id, 80)), 0,
                      [this](const Reply& reply) { return read_tokens(reply.answer, info_); });
}

std::vector<Answer> ChildEngine::generate(const Batch& batch, const Setting& setting) {
  return ask_and_read(generate_question(batch, setting, info_.tokens), "generate " + rows_of(batch),
                      most_logits(batch, info_), [&](const Reply& reply) {
                        return read_answers(reply.answer, reply.values, batch, info_);
                      });
}

void ChildEngine::clear_prefix_cache() {
  if (!info_.factors.contains(Factor::prefix_cache)) return;
  ask_and_read({{"ask", "clear_prefix_cache"}}, "clear the prefix cache", 0, [](const Reply&) {});
}

Trace ChildEngine::trace(const Batch& batch, int row, const Setting& setting, int steps) {
  if (!info_.traces) return EngineUnderTest::trace(batch, row, setting, steps);
  return ask_and_read(trace_question(batch, row, setting, steps),
                      fmt::format("trace row {} of {}", row, batch.rows.size()), kMostTraceValues,
                      [&](const Reply& reply) { return read_trace(reply.answer, reply.values, steps); });
}

}  // namespace isobatch::audit
