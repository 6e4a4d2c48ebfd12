// The output of a job that may be cut short at any moment and go on later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "append_file.h"
#include "journal.h"
#include "line_reader.h"
#include "running_hash.h"

namespace isobatch::cli {

// Takes the records of the lines of an input.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // Whether the line has its record already. To be asked for every line, in their order.
  virtual bool has(const InputLine& line) = 0;
  // The record of a line that has none.
  virtual void put(const InputLine& line, std::string record, bool failed) = 0;
  virtual void flush() = 0;
  virtual std::size_t waiting_bytes() const = 0;  // of records that wait for their turn
};

enum class RecordOrder { input, finish };
const char* order_name(RecordOrder order);

// One record for each line of the input. OUT.part grows beside OUT and becomes OUT in commit(); OUT.journal
// says what stands in it, and holds the records that wait for their turn. A journal line is written after the
// bytes it names, so whenever the process dies, a beginning of the journal and a beginning of the output
// agree, and a later run goes on from there. In the order of the input, the output is the same bytes however
// often that happens.
//
// All throw Error, with the path. What is written stays then; without any record, both files are removed.
class JobOutput : public RecordSink {
 public:
  // Reads what an earlier run has left. Without `resume`, records of an earlier run are an error.
  JobOutput(const std::filesystem::path& path, RecordOrder order, bool resume);
  ~JobOutput() override;
  JobOutput(const JobOutput&) = delete;
  JobOutput& operator=(const JobOutput&) = delete;

  // Once, before what follows. An earlier run with another identity is an error.
  void begin(const JobIdentity& identity);
  // An earlier run that has read something else up to here is an error.
  bool has(const InputLine& line) override;
  void put(const InputLine& line, std::string record, bool failed) override;
  void flush() override;
  // All lines have been asked about and have their records.
  void commit();

  std::size_t kept() const { return ok_ + failed_ + waiting_.size(); }  // records, also of earlier runs
  std::size_t flushed() const { return flushed_; }                      // of these, in the files for certain
  std::size_t ok() const { return ok_; }                                // of these, in the output
  std::size_t failed() const { return failed_; }
  std::size_t waiting_bytes() const override { return waiting_bytes_; }

 private:
  struct Waiting {
    std::uint64_t input_hash;
    bool failed;
    std::string record;
  };
  void load();
  bool apply(const JournalEntry& entry, std::istream& data);
  bool apply_wrote(const JournalEntry& entry, std::istream& data);
  bool extend_hash(std::istream& data, std::uint64_t bytes);
  void forget_earlier_run();
  void note_done(std::uint64_t index, std::uint64_t input_hash);
  void write(std::uint64_t index, std::uint64_t input_hash, const std::string& record, bool failed);
  void write_those_whose_turn_it_is();
  void check_same_input(std::uint64_t expected, const InputLine& line) const;

  std::filesystem::path path_;
  RecordOrder order_;
  bool in_input_order_;  // what the journal says, once there is one
  AppendFile journal_;
  AppendFile data_;
  std::optional<JobIdentity> identity_;  // of an earlier run

  std::uint64_t journal_bytes_ = 0;  // that count
  std::uint64_t output_bytes_ = 0;
  RunningHash output_hash_;
  bool ended_ = false;      // the journal says so
  bool committed_ = false;  // the output has its name

  // All lines before `done_` have records in the output, and so have those in `done_beyond_`.
  std::uint64_t done_ = 0;
  std::uint64_t done_hash_ = 0;  // input hash of the last of them
  std::map<std::uint64_t, std::uint64_t> done_beyond_;
  std::uint64_t asked_ = 0;                   // lines asked about
  std::map<std::uint64_t, Waiting> waiting_;  // by index
  std::size_t waiting_bytes_ = 0;
  std::size_t flushed_ = 0;
  std::size_t ok_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace isobatch::cli
