// Computes the records of a batch or of scores again and says which of them hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "batch_task.h"
#include "line_job.h"

namespace isobatch::cli {

// The lines of the input of the batch, found again by custom_id or number. Texts stay in the file.
class LineIndex {
 public:
  explicit LineIndex(const std::string& path);

  struct Place {
    std::size_t number = 0;
    std::uint64_t offset = 0;
    bool id_stood_before = false;
  };
  // The line that a record says it answers; none when there is no such line.
  const Place* find(const openai::Receipt& receipt) const;
  std::string text(const Place& place) const;
  // Whether the line has no record so far.
  bool take(const Place& place);
  std::size_t untaken() const { return places_.size() - taken_count_; }
  // Numbers of lines without a record, at most so many.
  std::vector<std::size_t> untaken_numbers(std::size_t most) const;

 private:
  std::string path_;
  std::vector<Place> places_;                                   // by number
  std::unordered_map<std::uint64_t, std::size_t> first_by_id_;  // hash of a custom_id to its first place
  std::vector<bool> taken_;
  std::size_t taken_count_ = 0;
};

struct Verdicts {
  std::size_t records = 0;
  std::size_t recomputed = 0;
  std::size_t wrong = 0;
  struct Wrong {
    std::string custom_id;
    std::string reason;
  };
  static constexpr std::size_t kMostListed = 1000;
  std::map<std::size_t, Wrong> listed;  // the first, by line of the output
  void add(std::size_t line, std::string custom_id, std::string reason);
};

struct VerifyPlan {
  double share = 1;  // of the records, which are computed again
  std::uint64_t seed = 0;
};

// Checks the output against the input, computing `plan.share` of the records again. False when interrupted.
bool verify_records(const std::string& output, LineIndex& input, std::shared_ptr<const Model> model,
                    const Tuning& tuning, const VerifyPlan& plan, Verdicts& verdicts);

// The fingerprint that most records of the output name; empty when none does.
std::string usual_fingerprint(const std::string& output);

}  // namespace isobatch::cli
