// The engine's loop: plan, run, commit, deliver.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/hooks.h"
#include "engine/kv_manager.h"
#include "engine/runner.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "isobatch/engine.h"

namespace isobatch {

class Engine::Impl {
 public:
  Impl(std::shared_ptr<const Model> model, const Tuning& tuning, engine::EngineHooks hooks);
  static std::unique_ptr<Engine> make_engine(std::unique_ptr<Impl> impl);

  RequestId submit(Request request, OnText on_text);
  bool step();
  std::vector<std::pair<RequestId, Result>> take_finished();
  const EngineStats& stats() const { return stats_; }
  const kernels::KernelTable& kernels() const { return *kernels_; }
  int threads() const { return threads_.size(); }

 private:
  using Sequence = engine::Sequence;
  struct Text {
    OnText on_text;
    std::string piece;
  };
  // Without the KV cache a step is never a decode step, and would verify nothing.
  bool speculates() const { return tuning_.speculate > 0 && tuning_.kv_cache; }
  engine::SchedulerState state() const;
  void apply(const engine::Plan& plan);
  void preempt_youngest();
  void commit(const engine::Plan& plan, std::span<const engine::SequenceRows> batch,
              std::span<const engine::ChosenToken> chosen);
  void append(const engine::ChosenToken& chosen);
  void retire_finished();
  void deliver();

  const std::shared_ptr<const Model> model_;
  const Tuning tuning_;
  const engine::EngineHooks hooks_;
  const model::Transformer& transformer_;
  const kernels::KernelTable* const kernels_;
  const engine::SchedulerLimits limits_;
  ThreadPool threads_;
  engine::KvManager kv_;
  engine::Runner runner_;
  engine::Constraints constraints_;

  RequestId next_id_ = 0;
  std::vector<std::unique_ptr<Sequence>> running_;  // in the order of submission, before all waiting ones
  std::deque<std::unique_ptr<Sequence>> waiting_;   // in the order of submission
  std::deque<Text> undelivered_;
  std::vector<std::pair<RequestId, Result>> finished_;
  EngineStats stats_;
  bool broken_ = false;  // an exception has cut a commit short
};

}  // namespace isobatch
