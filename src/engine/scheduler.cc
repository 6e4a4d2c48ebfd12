#include "engine/scheduler.h"

#include <algorithm>
#include <numeric>

namespace isobatch::engine {
namespace {

int pages_for(int positions, const SchedulerLimits& limits) {
  return (positions + limits.page_size - 1) / limits.page_size;
}

bool is_prefilling(const RunningView& r) { return !r.decoding || r.length - r.computed > 1; }

template <typename View>
int unscored_rows(const View& view) {
  return view.scoring ? view.unscored : view.length;
}

// Rows left to give in a prefill step.
struct Budget {
  int rows;
  int logits_rows;

  // Rows, of which the first `unscored` have no logits.
  int take(int wanted, int unscored) {
    const int taken = std::min({wanted, rows, std::min(unscored, rows) + logits_rows});
    rows -= taken;
    logits_rows -= std::max(0, taken - unscored);
    return taken;
  }
};

std::vector<PlannedSegment> prefill_segments(const SchedulerState& state, int runners, Budget& budget) {
  std::vector<PlannedSegment> segments;
  for (int i = 0; i < runners && budget.rows > 0; ++i) {
    const RunningView& r = state.running[i];
    if (!is_prefilling(r)) continue;
    const int rows = budget.take(r.length - r.computed, unscored_rows(r));
    if (rows > 0) segments.push_back({i, rows});
  }
  return segments;
}

std::vector<PlannedSegment> decode_segments(const SchedulerState& state, int runners,
                                            const SchedulerLimits& limits) {
  std::vector<int> order(runners);
  std::iota(order.begin(), order.end(), 0);
  if (runners > limits.max_step_rows) {
    std::ranges::stable_sort(order, {}, [&](int i) { return state.running[i].last_step; });
    order.resize(limits.max_step_rows);
    std::ranges::sort(order);
  }
  std::vector<PlannedSegment> segments;
  for (int i : order) segments.push_back({i, 1});
  return segments;
}

// Pages that the segments' rows need beyond those held.
int pages_needed(const SchedulerState& state, const std::vector<PlannedSegment>& segments,
                 const SchedulerLimits& limits) {
  int needed = 0;
  for (const PlannedSegment& s : segments) {
    const RunningView& r = state.running[s.sequence];
    needed += std::max(0, pages_for(r.computed + s.rows, limits) - r.pages);
  }
  return needed;
}

// Adds drafted tokens to a decode step while there is room.
void add_drafts(const SchedulerState& state, const SchedulerLimits& limits, int available,
                std::vector<PlannedSegment>& segments) {
  int rows = std::min(limits.max_step_rows, limits.max_logits_rows) - static_cast<int>(segments.size());
  int pages = std::max(0, available - pages_needed(state, segments, limits));
  for (PlannedSegment& s : segments) {
    const RunningView& r = state.running[s.sequence];
    const int held = std::max(r.pages, pages_for(r.computed + s.rows, limits));
    const int positions = (held + pages) * limits.page_size - (r.computed + s.rows);
    const int drafts = std::max(0, std::min({r.drafted, rows, positions}));
    s.rows += drafts;
    rows -= drafts;
    pages -= std::max(0, pages_for(r.computed + s.rows, limits) - held);
  }
}

// Adds waiting requests to a prefill step while there is room. One is admitted only when it gets rows at
// once: later it may find more pages in the prefix cache.
void admit(const SchedulerState& state, const SchedulerLimits& limits, int available, Budget& budget,
           Plan& plan) {
  const int runners = static_cast<int>(state.running.size());
  for (const WaitingView& w : state.waiting) {
    const int taken = pages_for(w.positions, limits) - w.cached_pages + w.idle_pages;
    if (runners + plan.admit == limits.max_batch || taken > available) return;
    const int rows = budget.take(w.length - w.cached_tokens, unscored_rows(w));
    if (rows == 0) return;
    available -= taken;
    plan.segments.push_back({runners + plan.admit, rows});
    ++plan.admit;
  }
}

}  // namespace

Plan schedule(const SchedulerState& state, const SchedulerLimits& limits) {
  Plan plan;
  int runners = static_cast<int>(state.running.size());
  int available = state.available_pages;
  while (true) {
    Budget budget{limits.max_step_rows, limits.max_logits_rows};
    plan.segments = prefill_segments(state, runners, budget);
    const int needed = pages_needed(state, plan.segments, limits);
    if (needed <= available && plan.preempt.empty()) admit(state, limits, available - needed, budget, plan);
    plan.decode = plan.segments.empty();
    if (plan.decode) plan.segments = decode_segments(state, runners, limits);
    // Pages shared by preempted requests alone are not counted, so the count may stay short for the last one;
    // it has the whole pool then.
    if (runners <= 1 || plan.admit > 0 || pages_needed(state, plan.segments, limits) <= available) break;
    --runners;
    plan.preempt.push_back(runners);
    available += state.running[runners].releasable_pages;
  }
  plan.decode = plan.decode && !plan.segments.empty();
  if (plan.decode) add_drafts(state, limits, available, plan.segments);
  return plan;
}

}  // namespace isobatch::engine
