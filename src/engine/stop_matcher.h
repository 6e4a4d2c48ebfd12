// Finds stop strings in text that arrives in pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobatch::engine {

// The stop string that is complete first wins (of those complete at the same byte, the longest), so how the
// text is cut into pieces makes no difference.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // The text that can no longer belong to a stop string. After a stop: the text before it; then nothing more.
  std::string push(std::string_view piece);
  // What was held back, when no more text comes.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;  // could begin a stop string
  bool stopped_ = false;
};

}  // namespace isobatch::engine
