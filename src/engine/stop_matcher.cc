#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace isobatch::engine {

std::string StopMatcher::push(std::string_view piece) {
  if (stopped_) return {};
  held_ += piece;
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  std::size_t keep = 0;  // bytes at the end that begin a stop string
  for (const std::string& stop : stops_) {
    const std::size_t found = held_.find(stop);
    if (found != std::string::npos) {
      const std::size_t found_end = found + stop.size();
      if (found_end < end || (found_end == end && found < begin)) {
        begin = found;
        end = found_end;
      }
    }
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  stopped_ = end != std::string::npos;
  const std::size_t ready = stopped_ ? begin : held_.size() - keep;
  std::string text = held_.substr(0, ready);
  held_.erase(0, stopped_ ? held_.size() : ready);
  return text;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace isobatch::engine
