#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace isobatch::cli {

// A bar on stderr with the time left, when stderr is a terminal; nothing at all otherwise. The line is
// cleared when the bar goes.
class ProgressBar {
 public:
  ProgressBar(std::string label, std::size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::size_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::size_t total_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

}  // namespace isobatch::cli
