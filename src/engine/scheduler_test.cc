#include "engine/scheduler.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>
#include <vector>

namespace isobatch::engine {
namespace {

constexpr SchedulerLimits kLimits{.max_batch = 4, .max_step_rows = 8, .max_logits_rows = 8, .page_size = 4};

WaitingView waiting(int length) { return {.length = length, .positions = length + 1}; }

std::vector<std::pair<int, int>> rows(const Plan& plan) {
  std::vector<std::pair<int, int>> result;
  for (const PlannedSegment& s : plan.segments) result.emplace_back(s.sequence, s.rows);
  return result;
}
using Rows = std::vector<std::pair<int, int>>;

TEST(Scheduler, NothingToDoIsAnEmptyPlan) {
  const Plan plan = schedule({.available_pages = 9}, kLimits);
  EXPECT_EQ(plan.admit, 0);
  EXPECT_TRUE(plan.segments.empty());
  EXPECT_FALSE(plan.decode);
}

TEST(Scheduler, FillsAStepWithPromptsSideBySideAndCutsTheLast) {
  const Plan plan =
      schedule({.waiting = {waiting(3), waiting(4), waiting(5), waiting(2)}, .available_pages = 99}, kLimits);
  EXPECT_EQ(plan.admit, 3);
  EXPECT_EQ(rows(plan), (Rows{{0, 3}, {1, 4}, {2, 1}}));
  EXPECT_FALSE(plan.decode);
}

TEST(Scheduler, OnlyRowsWithLogitsCountAsSuch) {
  SchedulerLimits limits = kLimits;
  limits.max_logits_rows = 2;
  WaitingView scoring = waiting(7);
  scoring.scoring = true;
  EXPECT_EQ(rows(schedule({.waiting = {scoring}, .available_pages = 99}, limits)), (Rows{{0, 2}}));
  scoring.unscored = 3;
  EXPECT_EQ(rows(schedule({.waiting = {scoring}, .available_pages = 99}, limits)), (Rows{{0, 5}}));
  const RunningView running{
      .length = 7, .computed = 5, .pages = 2, .releasable_pages = 2, .scoring = true, .unscored = 0};
  EXPECT_EQ(rows(schedule({.running = {running}, .waiting = {scoring}, .available_pages = 99}, limits)),
            (Rows{{0, 2}, {1, 3}}));
}

TEST(Scheduler, PrefillsBeforeItDecodes) {
  const RunningView decoding{.length = 5, .computed = 4, .pages = 2, .releasable_pages = 2, .decoding = true};
  const RunningView partial{.length = 9, .computed = 2, .pages = 3, .releasable_pages = 3};
  const Plan prefill = schedule({.running = {decoding, partial}, .available_pages = 9}, kLimits);
  EXPECT_EQ(rows(prefill), (Rows{{1, 7}}));
  const Plan decode = schedule({.running = {decoding, decoding}, .available_pages = 9}, kLimits);
  EXPECT_EQ(rows(decode), (Rows{{0, 1}, {1, 1}}));
  EXPECT_TRUE(decode.decode);
}

TEST(Scheduler, AdmitsInOrderOnlyWhatFits) {
  const RunningView decoding{.length = 4, .computed = 3, .pages = 1, .releasable_pages = 1, .decoding = true};
  // The first waiting one needs 2 pages; the second, which would fit, does not overtake it.
  const Plan plan =
      schedule({.running = {decoding}, .waiting = {waiting(6), waiting(1)}, .available_pages = 1}, kLimits);
  EXPECT_EQ(plan.admit, 0);
  EXPECT_EQ(rows(plan), (Rows{{0, 1}}));
}

TEST(Scheduler, HeldCachedPagesAreFreeAndIdleOnesAreNot) {
  WaitingView shared = waiting(9);  // 10 positions, 3 pages
  shared.cached_pages = 2;
  shared.cached_tokens = 8;
  EXPECT_EQ(schedule({.waiting = {shared}, .available_pages = 1}, kLimits).admit, 1);
  EXPECT_EQ(rows(schedule({.waiting = {shared}, .available_pages = 1}, kLimits)), (Rows{{0, 1}}));
  shared.idle_pages = 2;
  EXPECT_EQ(schedule({.waiting = {shared}, .available_pages = 2}, kLimits).admit, 0);
  EXPECT_EQ(schedule({.waiting = {shared}, .available_pages = 3}, kLimits).admit, 1);
}

TEST(Scheduler, PreemptsTheYoungestUntilTheRestFits) {
  const RunningView full{.length = 5, .computed = 4, .pages = 1, .releasable_pages = 1, .decoding = true};
  RunningView roomy = full;
  roomy.pages = 2;
  const Plan plan = schedule({.running = {full, roomy, full}, .available_pages = 0}, kLimits);
  EXPECT_EQ(plan.preempt, (std::vector<int>{2}));
  EXPECT_EQ(rows(plan), (Rows{{0, 1}, {1, 1}}));
  const Plan tight =
      schedule({.running = {full, full, full}, .waiting = {waiting(1)}, .available_pages = 0}, kLimits);
  EXPECT_EQ(tight.preempt, (std::vector<int>{2, 1}));
  EXPECT_EQ(rows(tight), (Rows{{0, 1}}));
  EXPECT_EQ(tight.admit, 0);
}

TEST(Scheduler, DecodesInTurnsWhenTheStepIsNarrow) {
  SchedulerLimits narrow = kLimits;
  narrow.max_step_rows = 2;
  RunningView r{.length = 3, .computed = 2, .pages = 1, .releasable_pages = 1, .decoding = true};
  SchedulerState state{.running = {r, r, r}, .available_pages = 0};
  state.running[0].last_step = 7;
  state.running[1].last_step = 6;
  state.running[2].last_step = 5;
  EXPECT_EQ(rows(schedule(state, narrow)), (Rows{{1, 1}, {2, 1}}));
}

TEST(Scheduler, BoundsTheRowsOfScoringRequests) {
  SchedulerLimits limits = kLimits;
  limits.max_logits_rows = 3;
  WaitingView scoring = waiting(6);
  scoring.scoring = true;
  const Plan plan = schedule({.waiting = {scoring, waiting(9)}, .available_pages = 99}, limits);
  EXPECT_EQ(rows(plan), (Rows{{0, 3}, {1, 5}}));
}

TEST(Scheduler, DraftsGetWhatADecodeStepHasLeft) {
  RunningView r{.length = 5, .computed = 4, .pages = 2, .releasable_pages = 2, .decoding = true};
  r.drafted = 3;
  const auto planned = [&](int available, const SchedulerLimits& limits) {
    const Plan plan = schedule({.running = {r, r}, .available_pages = available}, limits);
    EXPECT_TRUE(plan.decode);
    EXPECT_TRUE(plan.preempt.empty());
    return rows(plan);
  };
  EXPECT_EQ(planned(0, kLimits), (Rows{{0, 4}, {1, 4}}));  // up to position 8, all in the pages held
  SchedulerLimits narrow = kLimits;
  narrow.max_step_rows = 4;
  EXPECT_EQ(planned(0, narrow), (Rows{{0, 3}, {1, 1}}));
  SchedulerLimits few_logits = kLimits;
  few_logits.max_logits_rows = 6;
  EXPECT_EQ(planned(0, few_logits), (Rows{{0, 4}, {1, 2}}));
  r.length = 7;
  r.computed = 6;
  EXPECT_EQ(planned(0, kLimits), (Rows{{0, 2}, {1, 2}}));
  EXPECT_EQ(planned(1, kLimits), (Rows{{0, 4}, {1, 2}}));
  r.decoding = false;
  EXPECT_EQ(rows(schedule({.running = {r}}, kLimits)), (Rows{{0, 1}}));
}

TEST(Scheduler, PreemptsForTokensNotForDrafts) {
  RunningView r{.length = 5, .computed = 4, .pages = 1, .releasable_pages = 1, .decoding = true};
  r.drafted = 9;
  // The preempted one's page holds positions 4 to 7 of the other.
  const Plan plan = schedule({.running = {r, r}, .available_pages = 0}, kLimits);
  EXPECT_EQ(plan.preempt, (std::vector<int>{1}));
  EXPECT_EQ(rows(plan), (Rows{{0, 4}}));
}

// A model of the engine that only counts: requests of `length` tokens that want `wanted` more.
struct Job {
  int id = 0;
  int wanted = 0;
  int last_position = 0;  // positions it can ever compute
  RunningView view;
};

int pages_for(int positions, int page_size) { return (positions + page_size - 1) / page_size; }

struct Simulation {
  SchedulerLimits limits;
  int pages = 0;
  bool kv_cache = true;
  std::vector<Job> running;
  std::deque<Job> waiting;
  std::set<int> finished;
  std::uint64_t steps = 0;
  std::minstd_rand random;

  int pick(int below) { return static_cast<int>(random() % below); }
  int held() const {
    int sum = 0;
    for (const Job& job : running) sum += job.view.pages;
    return sum;
  }
  SchedulerState state() const {
    SchedulerState s;
    for (const Job& job : running) s.running.push_back(job.view);
    for (const Job& job : waiting) {
      s.waiting.push_back(
          {.length = job.view.length, .positions = std::min(job.view.length + 1, job.last_position)});
    }
    s.available_pages = pages - held();
    return s;
  }

  // False when nothing is left. Checks every promise of a plan.
  bool step() {
    const Plan plan = schedule(state(), limits);
    if (plan.segments.empty()) {
      RC_ASSERT(running.empty());
      RC_ASSERT(waiting.empty());
      return false;
    }
    ++steps;
    for (int i : plan.preempt) {
      RC_ASSERT(i == static_cast<int>(running.size()) - 1);
      RC_ASSERT(i > 0);
      Job job = running.back();
      running.pop_back();
      job.view = {.length = job.view.length, .scoring = job.view.scoring};
      waiting.push_front(job);
    }
    RC_ASSERT(plan.preempt.empty() || plan.admit == 0);
    for (int i = 0; i < plan.admit; ++i) {
      Job job = waiting.front();
      waiting.pop_front();
      job.view.pages = pages_for(std::min(job.view.length + 1, job.last_position), limits.page_size);
      running.push_back(job);
    }
    RC_ASSERT(static_cast<int>(running.size()) <= limits.max_batch);
    RC_ASSERT(std::ranges::is_sorted(running, {}, &Job::id));
    int total = 0;
    std::vector<bool> seen(running.size());
    std::vector<int> done;
    for (const PlannedSegment& s : plan.segments) {
      RC_ASSERT(s.rows > 0);
      RC_ASSERT(!seen[s.sequence]);
      seen[s.sequence] = true;
      total += s.rows;
      RunningView& view = running[s.sequence].view;
      if (plan.decode) RC_ASSERT(view.decoding && s.rows <= 1 + view.drafted);
      view.last_step = steps;
      RC_ASSERT(view.computed + s.rows <= view.length + (plan.decode ? view.drafted : 0));
      view.pages = std::max(view.pages, pages_for(view.computed + s.rows, limits.page_size));
      view.releasable_pages = view.pages;
      // Of the drafted tokens the sampler agrees with a part.
      const int accepted = plan.decode ? pick(s.rows) : 0;
      view.computed += plan.decode ? 1 + accepted : s.rows;
      if (view.computed < view.length) continue;
      view.decoding = true;
      view.length = view.computed + 1;
      Job& job = running[s.sequence];
      job.wanted -= 1 + accepted;
      view.drafted = std::min(pick(5), job.wanted - 1);
      if (!kv_cache) view.computed = 0;
      if (job.wanted == 0) done.push_back(s.sequence);
    }
    RC_ASSERT(total <= limits.max_step_rows);
    if (plan.decode && total > static_cast<int>(plan.segments.size()))
      RC_ASSERT(total <= limits.max_logits_rows);
    RC_ASSERT(held() <= pages);
    for (std::size_t i = done.size(); i-- > 0;) {
      finished.insert(running[done[i]].id);
      running.erase(running.begin() + done[i]);
    }
    return true;
  }
};

RC_GTEST_PROP(SchedulerProperty, KeepsItsLimitsAndFinishesEveryRequest, ()) {
  Simulation simulation;
  simulation.limits = {.max_batch = *rc::gen::inRange(1, 6),
                       .max_step_rows = *rc::gen::inRange(1, 12),
                       .max_logits_rows = *rc::gen::inRange(1, 12),
                       .page_size = *rc::gen::inRange(1, 5)};
  simulation.kv_cache = *rc::gen::arbitrary<bool>();
  simulation.random.seed(*rc::gen::arbitrary<unsigned>());
  const auto jobs = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(1, 20), rc::gen::inRange(1, 20)));
  simulation.pages = 1;
  int id = 0;
  std::deque<Job> all;
  for (const auto& [length, wanted] : jobs) {
    Job job{.id = id++, .wanted = wanted, .last_position = length + wanted - 1, .view = {.length = length}};
    job.view.scoring = *rc::gen::arbitrary<bool>();
    simulation.pages = std::max(simulation.pages, pages_for(job.last_position, simulation.limits.page_size));
    all.push_back(job);
  }
  simulation.pages += *rc::gen::inRange(0, 6);
  // Requests arrive while others run.
  while (!all.empty()) {
    const int arrivals = *rc::gen::inRange(1, 4);
    for (int i = 0; i < arrivals && !all.empty(); ++i) {
      simulation.waiting.push_back(all.front());
      all.pop_front();
    }
    for (int i = 0; i < 3; ++i) simulation.step();
  }
  while (simulation.step()) RC_ASSERT(simulation.steps < 200000u);
  RC_ASSERT(simulation.finished.size() == jobs.size());
}

TEST(Scheduler, DecodeStepsAreWide) {
  Simulation simulation;
  simulation.limits = {.max_batch = 64, .max_step_rows = 512, .max_logits_rows = 64, .page_size = 32};
  simulation.pages = 1000;
  for (int i = 0; i < 200; ++i) {
    Job job{.id = i, .wanted = 2 + i % 7, .last_position = 400, .view = {.length = 20 + i}};
    simulation.waiting.push_back(job);
  }
  int widest = 0;
  while (true) {
    const Plan plan = schedule(simulation.state(), simulation.limits);
    if (plan.decode) widest = std::max(widest, static_cast<int>(plan.segments.size()));
    if (!simulation.step()) break;
  }
  EXPECT_EQ(widest, 64);
}

}  // namespace
}  // namespace isobatch::engine
