#include "job_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "isobatch/error.h"

namespace isobatch::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = 1 << 20;

// Renaming onto a link would replace the link, not the file it names.
fs::path resolved(const fs::path& path) {
  std::error_code ignored;
  const fs::path target = fs::is_symlink(path, ignored) ? fs::weakly_canonical(path) : path;
  if (fs::exists(target, ignored) && !fs::is_regular_file(target, ignored)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("output {}: not a regular file", target.string()));
  }
  return target;
}

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

std::string first_bytes(const fs::path& path) {
  std::string text(64, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// Before the file is opened for writing, so that what is not ours stays as it is.
fs::path checked_journal(const fs::path& output) {
  const fs::path path = with_suffix(output, ".journal");
  if (!may_be_journal(first_bytes(path))) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: not a journal of isobatch", path.string()));
  }
  return path;
}

}  // namespace

const char* order_name(RecordOrder order) { return order == RecordOrder::input ? "input" : "finish"; }

JobOutput::JobOutput(const fs::path& path, RecordOrder order, bool resume)
    : path_(resolved(path)),
      order_(order),
      in_input_order_(order == RecordOrder::input),
      journal_(checked_journal(path_)),
      data_(with_suffix(path_, ".part")) {
  if (!journal_.lock()) {
    throw Error(ErrorCode::io, fmt::format("output {}: another job is writing it", path_.string()));
  }
  load();
  flushed_ = kept();
  if (kept() > 0 && !resume) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("output {}: an earlier job has left {} records; --resume goes on with it, without "
                    "{} and {} it begins anew",
                    path_.string(), kept(), journal_.path().filename().string(),
                    data_.path().filename().string()));
  }
}

JobOutput::~JobOutput() {
  if (committed_ || kept() > 0) return;
  std::error_code ignored;
  fs::remove(data_.path(), ignored);
  fs::remove(journal_.path(), ignored);
}

void JobOutput::load() {
  std::error_code ignored;
  // A job may die when the output has its name and the journal is still there; AppendFile has made an empty
  // part then.
  const bool renamed = fs::file_size(data_.path(), ignored) == 0 && fs::exists(path_, ignored);
  std::ifstream data(renamed ? path_ : data_.path(), std::ios::binary);
  std::ifstream journal(journal_.path(), std::ios::binary);
  std::string line;
  if (!std::getline(journal, line) || journal.eof()) return;
  identity_ = decode_header(line);
  if (!identity_) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: its first line is damaged, or of another version",
                                                     journal_.path().string()));
  }
  in_input_order_ = (*identity_)["order"] == order_name(RecordOrder::input);
  journal_bytes_ = line.size() + 1;
  while (std::getline(journal, line) && !journal.eof()) {
    const std::optional<JournalEntry> entry = decode_entry(line);
    if (!entry || !apply(*entry, data)) break;
    journal_bytes_ += line.size() + 1;
  }
  if (!renamed) return;
  committed_ = ended_ && fs::file_size(path_, ignored) == output_bytes_;
  if (!committed_ && output_bytes_ > 0) forget_earlier_run();  // it is the output of something else
}

bool JobOutput::apply(const JournalEntry& entry, std::istream& data) {
  switch (entry.kind) {
    case JournalEntry::Kind::wrote:
      return apply_wrote(entry, data);
    case JournalEntry::Kind::waits:
      if (!in_input_order_ || entry.index < done_ || waiting_.count(entry.index)) return false;
      waiting_bytes_ += entry.record.size();
      waiting_[entry.index] = {entry.input_hash, entry.failed, entry.record};
      return true;
    case JournalEntry::Kind::ended:
      ended_ = entry.output_bytes == output_bytes_ && entry.output_hash == output_hash_.value();
      return ended_;
  }
  return false;
}

bool JobOutput::apply_wrote(const JournalEntry& entry, std::istream& data) {
  const bool new_index =
      in_input_order_ ? entry.index == done_ : entry.index >= done_ && !done_beyond_.count(entry.index);
  if (!new_index || entry.output_bytes <= output_bytes_) return false;
  if (!extend_hash(data, entry.output_bytes - output_bytes_) || output_hash_.value() != entry.output_hash) {
    // What the disk has lost is answered anew; the hash is again that of what counts.
    data.clear();
    data.seekg(0);
    output_hash_.reset();
    extend_hash(data, output_bytes_);
    return false;
  }
  output_bytes_ = entry.output_bytes;
  ended_ = false;
  ++(entry.failed ? failed_ : ok_);
  note_done(entry.index, entry.input_hash);
  if (const auto it = waiting_.find(entry.index); it != waiting_.end()) {
    waiting_bytes_ -= it->second.record.size();
    waiting_.erase(it);
  }
  return true;
}

bool JobOutput::extend_hash(std::istream& data, std::uint64_t bytes) {
  std::vector<char> buffer(std::min<std::uint64_t>(bytes, 1 << 16));
  while (bytes > 0) {
    data.read(buffer.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, buffer.size())));
    const auto count = static_cast<std::size_t>(data.gcount());
    if (count == 0) return false;
    output_hash_.add({buffer.data(), count});
    bytes -= count;
  }
  return true;
}

void JobOutput::note_done(std::uint64_t index, std::uint64_t input_hash) {
  done_beyond_[index] = input_hash;
  for (auto it = done_beyond_.begin(); it != done_beyond_.end() && it->first == done_;
       it = done_beyond_.erase(it)) {
    done_hash_ = it->second;
    ++done_;
  }
}

void JobOutput::forget_earlier_run() {
  identity_.reset();
  journal_bytes_ = output_bytes_ = 0;
  output_hash_.reset();
  ended_ = committed_ = false;
  done_ = done_hash_ = 0;
  done_beyond_.clear();
  waiting_.clear();
  waiting_bytes_ = flushed_ = ok_ = failed_ = 0;
}

void JobOutput::begin(const JobIdentity& identity) {
  JobIdentity complete = identity;
  complete["order"] = order_name(order_);
  if (kept() == 0 && !committed_) forget_earlier_run();  // then it may as well have been another job
  if (identity_) {
    for (const auto& [name, value] : complete) {
      if ((*identity_)[name] == value) continue;
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: the job was begun with {} {}, but now it is {}", journal_.path().string(),
                              name, (*identity_)[name], value));
    }
  }
  if (committed_) return;
  journal_.truncate(journal_bytes_);
  data_.truncate(output_bytes_);
  if (!identity_) journal_.append(encode_header(complete));
  journal_.flush();
}

bool JobOutput::has(const InputLine& line) {
  asked_ = line.index + 1;
  if (asked_ == done_) check_same_input(done_hash_, line);
  if (line.index < done_) return true;
  if (const auto it = done_beyond_.find(line.index); it != done_beyond_.end()) {
    check_same_input(it->second, line);
    return true;
  }
  const auto it = waiting_.find(line.index);
  if (it == waiting_.end()) return false;
  check_same_input(it->second.input_hash, line);
  write_those_whose_turn_it_is();
  return true;
}

void JobOutput::check_same_input(std::uint64_t expected, const InputLine& line) const {
  if (line.hash == expected) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{}: the job was begun with another input; it differs from this one in line {} or "
                          "before",
                          journal_.path().string(), line.number));
}

void JobOutput::put(const InputLine& line, std::string record, bool failed) {
  if (committed_) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the job has ended before line {}, which the input did not have then",
                            journal_.path().string(), line.number));
  }
  if (data_.buffered() + journal_.buffered() > kBufferBytes) flush();
  if (in_input_order_ && line.index != done_) {
    journal_.append(encode_entry({JournalEntry::Kind::waits, line.index, failed, line.hash, 0, 0, record}));
    waiting_bytes_ += record.size();
    waiting_[line.index] = {line.hash, failed, std::move(record)};
    return;
  }
  write(line.index, line.hash, record, failed);
  write_those_whose_turn_it_is();
}

void JobOutput::write_those_whose_turn_it_is() {
  while (!waiting_.empty() && waiting_.begin()->first == done_ && done_ < asked_) {
    const Waiting waiting = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    waiting_bytes_ -= waiting.record.size();
    write(done_, waiting.input_hash, waiting.record, waiting.failed);
  }
}

void JobOutput::write(std::uint64_t index, std::uint64_t input_hash, const std::string& record, bool failed) {
  data_.append(record);
  data_.append("\n");
  output_hash_.add(record);
  output_hash_.add("\n");
  output_bytes_ += record.size() + 1;
  journal_.append(encode_entry(
      {JournalEntry::Kind::wrote, index, failed, input_hash, output_bytes_, output_hash_.value(), {}}));
  ++(failed ? failed_ : ok_);
  note_done(index, input_hash);
}

void JobOutput::flush() {
  data_.flush();  // first: the journal names bytes that are there
  journal_.flush();
  flushed_ = kept();
}

void JobOutput::commit() {
  if (asked_ < done_ || !done_beyond_.empty() || !waiting_.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the job was begun with another input; this one ends after {} lines that are "
                            "not blank",
                            journal_.path().string(), asked_));
  }
  if (!committed_) {
    data_.sync();
    journal_.append(
        encode_entry({JournalEntry::Kind::ended, 0, false, 0, output_bytes_, output_hash_.value(), {}}));
    journal_.sync();
    fs::rename(data_.path(), path_);
    committed_ = true;
  } else {
    fs::remove(data_.path());
  }
  fs::remove(journal_.path());
}

}  // namespace isobatch::cli
