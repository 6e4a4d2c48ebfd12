// Continuous batching. Each request's logits are the same bits whatever else runs beside it.
// An engine belongs to one thread at a time; it brings its own workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/model.h"
#include "isobatch/options.h"
#include "isobatch/request.h"

namespace isobatch {

// Counts since the engine was made. A step is one forward pass; a decode step is one in which each request
// has one row for its newest token, and one for each drafted token that it verifies (Tuning::speculate); all
// others are prefill steps. So decode steps had decode_rows - drafted_tokens requests, and chose
// decode_rows - drafted_tokens + accepted_tokens tokens.
struct EngineStats {
  std::uint64_t prefill_steps = 0;
  std::uint64_t prefill_rows =
      0;  // tokens computed there: prompts, and what is recomputed (preemption, no KV cache)
  double prefill_seconds = 0;
  std::uint64_t decode_steps = 0;
  std::uint64_t decode_rows = 0;  // drafted tokens included
  double decode_seconds = 0;
  std::uint64_t max_decode_rows = 0;  // most rows that one decode step gave to one matrix product
  std::uint64_t drafted_tokens = 0;   // verified
  std::uint64_t accepted_tokens = 0;  // of these, chosen by the sampler too
  std::uint64_t preemptions = 0;
  std::uint64_t prefix_hit_tokens = 0;  // prompt tokens taken from other requests instead of computed
  std::uint64_t kv_pages = 0;           // in the pool
};

class Engine {
 public:
  using RequestId = std::uint64_t;                             // 0, 1, 2 … in the order of submission
  using OnText = std::function<void(std::string_view piece)>;  // whole UTF-8 characters, never a stop string

  // Throws Error: invalid_argument on a Tuning that cannot be used, unsupported when this CPU cannot run the
  // kernel table named, out_of_memory when the KV pool cannot hold one request of one page.
  Engine(std::shared_ptr<const Model> model, const Tuning& tuning);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Throws Error(invalid_argument) when the request can never run: empty prompt, token id out of range,
  // prompt longer than the context, more positions than the KV pool holds, sampling values out of range, an
  // empty stop string. Nothing is queued then. `on_text` may submit, but not step; what it throws comes out
  // of step(), and the texts behind it are delivered by the next one.
  RequestId submit(Request request, OnText on_text = {});

  // Runs one forward pass. False when nothing is left to do. Throws Error(out_of_memory) when buffers cannot
  // grow.
  bool step();

  // The results that have finished since the last call, in the order of finishing.
  std::vector<std::pair<RequestId, Result>> take_finished();

  const EngineStats& stats() const;
  std::string_view kernels() const;  // name of the active kernel table
  int threads() const;

  class Impl;  // src/engine

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace isobatch
