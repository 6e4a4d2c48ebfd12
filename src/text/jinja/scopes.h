// The variables of a template. A for statement opens a scope for each round; set writes to the innermost one.
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
    for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable) {
      if (variable->first == name) return &variable->second;
    }
    return nullptr;
  }

  std::size_t size() const { return variables_.size(); }

 private:
  std::vector<std::pair<std::string, Value>> variables_;
  std::vector<std::size_t> starts_;
};

}  // namespace isobatch::text::jinja
