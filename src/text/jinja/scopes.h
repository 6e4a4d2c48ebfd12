// The variables of a template. A for statement opens a scope for each round; set writes to the innermost one.
// A macro's call opens one from which only those scopes are seen that were open where the macro was defined.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace isobatch::text::jinja {

class Scopes {
 public:
  void open() { starts_.push_back(variables_.size()); }
  void close() {
    variables_.resize(starts_.back());
    starts_.pop_back();
  }

  std::size_t level() const { return starts_.size(); }
  void enter_macro(std::size_t level) {
    const std::size_t end = variables_.size();
    hidden_.push_back({level < starts_.size() ? starts_[level] : end, end});
    open();
  }
  void leave_macro() {
    close();
    hidden_.pop_back();
  }
  bool in_macro() const { return !hidden_.empty(); }

  void set(std::string_view name, Value value) {
    for (std::size_t i = starts_.empty() ? 0 : starts_.back(); i < variables_.size(); ++i) {
      if (variables_[i].first == name) {
        variables_[i].second = std::move(value);
        return;
      }
    }
    variables_.emplace_back(name, std::move(value));
  }

  // The innermost of that name; nullptr when there is none.
  const Value* find(std::string_view name) const {
    for (std::size_t i = variables_.size(); i-- > 0;) {
      if (!hidden_.empty() && i + 1 == hidden_.back().end) {
        i = hidden_.back().begin;
        if (i-- == 0) return nullptr;
      }
      if (variables_[i].first == name) return &variables_[i].second;
    }
    return nullptr;
  }

  std::size_t size() const { return variables_.size(); }

 private:
  std::vector<std::pair<std::string, Value>> variables_;
  std::vector<std::size_t> starts_;
  struct Range {
    std::size_t begin, end;
  };
  std::vector<Range> hidden_;  // of each macro being called
};

}  // namespace isobatch::text::jinja
