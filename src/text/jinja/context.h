// One rendering: where it is, what it may still spend. Everything that makes values or walks over them asks
// here first, so that no template can run, nest or grow without bound.
#pragma once

#include <cstdint>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/source.h"
#include "text/jinja/value.h"

namespace isobatch::text::jinja {

inline constexpr std::uint64_t kMaxSteps = 10'000'000;
inline constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 29;   // of all strings and lists made
inline constexpr std::uint64_t kMaxOutput = std::uint64_t{1} << 26;  // bytes
inline constexpr int kMaxValueDepth = 100;
inline constexpr int kMaxDepth = 1000;  // of expressions and statements, through macros

class Context {
 public:
  // The time that strftime_now tells; 1900 without.
  void set_now(const std::tm& now) { now_ = now; }
  const std::tm& now() const { return now_; }
  // Errors name this place.
  void set_position(Position position) { position_ = position; }

  // Throws Error(invalid_argument) at the current place.
  [[noreturn]] void fail(const std::string& message) const;
  [[noreturn]] void unsupported(const std::string& message) const;

  void spend_steps(std::uint64_t steps);
  // One step deeper into the template, and out again.
  void enter();
  void leave() { --depth_; }
  // Before `bytes` are allocated. Also counts as bytes / 64 steps.
  void spend_bytes(std::uint64_t bytes);

  Value string(std::string text);
  Value list(std::vector<Value> items, bool tuple = false);
  // Of equal keys the last wins, at the first one's place.
  Value dict(std::vector<std::pair<Value, Value>> items);
  Value name_space();

  // Arguments of the wrong type fail, naming `what`.
  const std::string& require_string(const Value& value, std::string_view what);
  std::int64_t require_integer(const Value& value, std::string_view what);

  // The items of a list, keys of a dict, characters of a string; none for undefined.
  ListPtr items(const Value& value);
  // Throws when the value is undefined and so cannot be used.
  void require_defined(const Value& value) const;

 private:
  Position position_;
  std::uint64_t steps_ = 0;
  std::uint64_t bytes_ = 0;
  int depth_ = 0;
  std::tm now_ = {};
  std::deque<Namespace> namespaces_;
};

// Depth within a scope of C++.
class Depth {
 public:
  explicit Depth(Context& context) : context_(context) { context_.enter(); }
  ~Depth() { context_.leave(); }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Context& context_;
};

}  // namespace isobatch::text::jinja
