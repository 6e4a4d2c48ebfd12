// Where tests put a fault or a double into the engine. No program uses this: with the defaults it is the
// engine.
#pragma once

#include <functional>
#include <memory>

#include "isobatch/engine.h"
#include "kernels/kernels.h"
#include "kv/page_pool.h"
#include "kv/prefix_cache.h"
#include "model/transformer.h"

namespace isobatch::engine {

struct EngineHooks {
  std::shared_ptr<const model::Transformer> transformer;  // instead of the model's
  const kernels::KernelTable* kernels = nullptr;          // instead of the one that Tuning names
  kv::PagePool::PreparePage prepare_page;                 // instead of zeroing a page that is handed out
  kv::PrefixHash prefix_hash = kv::hash_page;
  bool confirm_prefix_hits = true;
  int tokens_not_copied = 0;  // of a page's beginning, its last ones
  // What the sampler is told for the row in this slot of the step; by default the request's own.
  std::function<Sampling(const Sampling& sampling, int slot)> sampling;
  int position_shift_after_preemption = 0;  // added to the positions of rows that are computed again
  bool accept_any_draft = false;            // also one that the sampler has not chosen
  bool penalize_neighbours_tokens = false;  // those of the row in the next slot, instead of its own
  bool constrain_as_neighbour = false;      // by the constraint of the row in the next slot
  bool forget_drafted_tokens = false;       // penalties do not count the drafted tokens before a row
};

std::unique_ptr<Engine> make_engine_with_hooks(std::shared_ptr<const Model> model, const Tuning& tuning,
                                               EngineHooks hooks);

}  // namespace isobatch::engine
