// The lines of a job's journal, which says what the output beside it holds. Each line ends with a check of
// itself, so that a torn or damaged one is known as such.
//
//   isobatch-journal 1 {"system_fingerprint": …}        what the job is
//   wrote <index> <ok|failed> <input> <bytes> <output>  a record stands in the output
//   waits <index> <ok|failed> <input> <record>          a record that is not yet its turn
//   ended <bytes> <output>                              the output is complete
//
// index: of the input line, blank ones not counted. input: XXH3-64 of the input up to the end of that line.
// bytes and output: length and XXH3-64 of the output up to the end of that record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace isobatch::cli {

// What must be the same for a job to go on, by the name that a message gives it.
using JobIdentity = std::map<std::string, std::string>;

struct JournalEntry {
  enum class Kind { wrote, waits, ended };
  Kind kind = Kind::wrote;
  std::uint64_t index = 0;
  bool failed = false;
  std::uint64_t input_hash = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_hash = 0;
  std::string record;
  bool operator==(const JournalEntry&) const = default;
};

// With the newline.
std::string encode_header(const JobIdentity& identity);
std::string encode_entry(const JournalEntry& entry);

// Without the newline. None: not such a line, or not whole.
std::optional<JobIdentity> decode_header(std::string_view line);
std::optional<JournalEntry> decode_entry(std::string_view line);

// Whether a file that begins with `text` may be a journal.
bool may_be_journal(std::string_view text);

}  // namespace isobatch::cli
