// Where the time of a step goes. Off, it is a null pointer: nothing reads a clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace isobatch::model {

enum class Stage {
  schedule,  // the plan, pages, laying out rows
  embedding,
  norm,      // residual add, RMSNorm, and quantizing what they give
  quantize,  // of other inputs of products
  qkv,
  rope,
  store_kv,
  attention,
  o,
  gate_up,
  silu_mul,  // and quantizing what it gives
  down,
  head,
  rest,    // of the forward pass
  sample,  // sampling, digests, text, bookkeeping
};
inline constexpr std::array<std::string_view, 15> kStageNames = {
    "schedule", "embedding", "norm",     "quantize", "qkv",  "rope", "store_kv", "attention",
    "o",        "gate_up",   "silu_mul", "down",     "head", "rest", "sample"};
static_assert(static_cast<std::size_t>(Stage::sample) + 1 == kStageNames.size());

// At each moment the calling thread is in one stage, so the wall times of the stages add up. Workers add the
// time that they spend in items to the stage which the caller is in.
class Profile {
 public:
  using Times = std::array<double, kStageNames.size()>;  // seconds, by Stage

  explicit Profile(int threads) : threads_(threads) {}

  void start(Stage stage) {
    stage_ = stage;
    entered_ = Clock::now();
  }
  // Returns the stage that this ends.
  Stage enter(Stage stage) {
    const Clock::time_point now = Clock::now();
    wall_[index(stage_)] += seconds(entered_, now);
    entered_ = now;
    return std::exchange(stage_, stage);
  }

  void start_items() { ++job_; }
  void start_item(int thread) {
    Thread& own = threads_[thread];
    if (own.job == job_) return;  // it begins where the one before has ended: one look at the clock less
    own.job = job_;
    own.last = Clock::now();
  }
  void end_item(int thread) {
    Thread& own = threads_[thread];
    const Clock::time_point now = Clock::now();
    own.busy[index(stage_)] += seconds(own.last, now);
    own.last = now;
  }

  const Times& wall() const { return wall_; }
  Times busy() const;  // of all threads, in items
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  struct alignas(64) Thread {
    std::uint64_t job = 0;
    Clock::time_point last;
    Times busy{};
  };
  static std::size_t index(Stage stage) { return static_cast<std::size_t>(stage); }
  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  Stage stage_ = Stage::rest;
  Clock::time_point entered_;
  std::uint64_t job_ = 0;
  Times wall_{};
  std::vector<Thread> threads_;
};

// A stage from here to the end of the block, or to `next`. Stages inside it are not part of it.
class ProfileScope {
 public:
  ProfileScope(Profile* profile, Stage stage) : profile_(profile) {
    if (profile_) outer_ = profile_->enter(stage);
  }
  ~ProfileScope() {
    if (profile_) profile_->enter(outer_);
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;
  void next(Stage stage) {
    if (profile_) profile_->enter(stage);
  }

 private:
  Profile* profile_;
  Stage outer_ = Stage::rest;
};

// An item of work in a thread.
class ProfileItem {
 public:
  ProfileItem(Profile* profile, int thread) : profile_(profile), thread_(thread) {
    if (profile_) profile_->start_item(thread_);
  }
  ~ProfileItem() {
    if (profile_) profile_->end_item(thread_);
  }
  ProfileItem(const ProfileItem&) = delete;
  ProfileItem& operator=(const ProfileItem&) = delete;

 private:
  Profile* profile_;
  int thread_;
};

}  // namespace isobatch::model
