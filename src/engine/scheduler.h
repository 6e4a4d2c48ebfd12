// What the next forward pass computes. schedule() is a pure function from plain data to plain data.
#pragma once

#include <cstdint>
#include <vector>

namespace isobatch::engine {

// A request that holds pages.
struct RunningView {
  int length = 0;               // tokens known: prompt and generated
  int computed = 0;             // of these, tokens whose K and V are in the pages; less than length
  int pages = 0;                // held
  int releasable_pages = 0;     // of these, held by nobody else
  bool decoding = false;        // has generated a token since it was admitted
  bool scoring = false;         // wants the logits of every row
  int unscored = 0;             // but for so many first ones
  int drafted = 0;              // guessed tokens that a decode step may verify
  std::uint64_t last_step = 0;  // in which it last had a row
};

// A request that holds nothing.
struct WaitingView {
  int length = 0;
  int positions = 0;      // it gets pages for when admitted: its length, and one more if it may need it
  int cached_pages = 0;   // known to the prefix cache
  int idle_pages = 0;     // of these, held by nobody: they count as available until it takes them
  int cached_tokens = 0;  // in them and in a page that is copied in part; less than length
  bool scoring = false;   // wants the logits of every row
  int unscored = 0;       // but for so many first ones
};

struct SchedulerState {
  std::vector<RunningView> running = {};  // in the order of submission, all before the waiting ones
  std::vector<WaitingView> waiting = {};  // in the order of submission
  int available_pages = 0;
};

struct SchedulerLimits {
  int max_batch = 1;
  int max_step_rows = 1;
  int max_logits_rows = 1;  // of scoring requests, or of a decode step with drafts: bounds the logits' memory
  int page_size = 32;
};

struct PlannedSegment {
  int sequence = 0;  // index: the running ones, then those admitted
  int rows = 0;      // in a decode step: the newest token, then drafted ones
};

struct Plan {
  int admit = 0;             // so many of the waiting, from the front
  std::vector<int> preempt;  // running ones that give back their pages, youngest first
  std::vector<PlannedSegment> segments;
  bool decode = false;  // each segment begins with the newest token of a request that has been prefilled
};

// Fill first: while a prompt is incomplete or a waiting request fits, the step is a prefill step of at most
// max_step_rows rows, in the order of submission; otherwise each running request decodes one token, those
// that have waited longest first if they are more than max_step_rows. So decode steps are as wide as they can
// be.
//
// Drafted tokens get what rows and pages a decode step has left; nothing is preempted for a guess.
//
// When pages are short, the youngest are preempted until the rest fits; the oldest is never preempted, so if
// any request fits the pool alone, all of them finish. The plan is empty only when nothing runs and nothing
// fits.
Plan schedule(const SchedulerState& state, const SchedulerLimits& limits);

}  // namespace isobatch::engine
