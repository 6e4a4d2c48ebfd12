#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace isobatch::cli {
namespace {

constexpr int kCells = 32;
constexpr auto kBetweenDrawings = std::chrono::milliseconds(100);

std::string clock(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

ProgressBar::ProgressBar(std::string label, std::size_t total)
    : label_(std::move(label)), total_(std::max<std::size_t>(total, 1)), terminal_(isatty(STDERR_FILENO)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::update(std::size_t done) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now - last_ < kBetweenDrawings) return;
  last_ = now;
  drawn_ = true;
  const double fraction = std::min(1.0, double(done) / double(total_));
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const int cells = static_cast<int>(fraction * kCells);
  fmt::print(stderr, "\r\033[K{} [{:#<{}}{:.<{}}] {:3.0f} %  {}", label_, "", cells, "", kCells - cells,
             100 * fraction, clock(elapsed));
  if (fraction > 0) fmt::print(stderr, "  {} left", clock(elapsed / fraction - elapsed));
  std::fflush(stderr);
}

}  // namespace isobatch::cli
