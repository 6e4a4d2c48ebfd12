#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace isobatch {
namespace {

// A worker looks this often for the next job before it sleeps: about 20 µs, longer than the serial part
// between two matrix products, shorter than anything a person or another process would notice.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins, then sleeps, until `done` holds for the value, which is returned.
template <typename Done>
std::uint32_t wait_until(const std::atomic<std::uint32_t>& value, Done&& done) {
  for (int i = 0;; ++i) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (done(now)) return now;
    if (i < kSpins) {
      pause();
    } else {
      value.wait(now, std::memory_order_acquire);
    }
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) : next_(threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
}

ThreadPool::~ThreadPool() {
  state_.fetch_or(kStop, std::memory_order_release);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int items, int groups, Task task, void* context) {
  if (items <= 0) return;
  if (workers_.empty() || items == 1) {
    for (int i = 0; i < items; ++i) task(context, i, 0);
    return;
  }
  task_ = task;
  context_ = context;
  items_ = items;
  groups_ = groups;
  for (int g = 0; g < groups; ++g) {
    next_[g].item.store(begin_of(g, groups, items), std::memory_order_relaxed);
  }
  const std::uint32_t job = (job_of(state_.load(std::memory_order_relaxed)) + kJob) & ~kStop;
  state_.store(job | kOpen, std::memory_order_release);  // nobody is in the job before
  state_.notify_all();
  work(0);
  state_.fetch_and(~kOpen, std::memory_order_relaxed);  // no item is left
  wait_until(state_, [](std::uint32_t state) { return (state & kWorkers) == 0; });
}

void ThreadPool::work(int thread) {
  const int own = thread * groups_ / size();
  for (int k = 0; k < groups_; ++k) {
    const int group = (own + k) % groups_, end = begin_of(group + 1, groups_, items_);
    std::atomic<int>& next = next_[group].item;
    for (int i = next.fetch_add(1, std::memory_order_relaxed); i < end;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      task_(context_, i, thread);
    }
  }
}

void ThreadPool::worker_loop(int thread) {
  set_default_float_environment();
  std::uint32_t seen = 0;
  while (true) {
    std::uint32_t state = wait_until(state_, [seen](std::uint32_t now) { return job_of(now) != seen; });
    if ((state & kStop) != 0) return;
    seen = job_of(state);
    bool joined = false;
    while (!joined && (state & kOpen) != 0 && job_of(state) == seen) {
      joined = state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel,
                                            std::memory_order_acquire);
    }
    if (!joined) continue;
    work(thread);
    const std::uint32_t left = state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if ((left & (kWorkers | kOpen)) == 0) state_.notify_all();
  }
}

int available_cpus() {
  cpu_set_t set;
  int cpus = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
  // cgroup v2: "max 100000" or "<quota> <period>" in microseconds.
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (file >> quota >> period && quota != "max" && period > 0) {
    cpus = std::clamp(static_cast<int>(std::ceil(std::atof(quota.c_str()) / period)), 1, cpus);
  }
  return cpus;
}

void set_default_float_environment() {
#if defined(__x86_64__)
  _mm_setcsr(0x1f80);  // all exceptions masked, round to nearest, FTZ and DAZ off
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" ::"r"(std::uint64_t{0}));
#endif
}

bool float_environment_is_default() {
  volatile float smallest_normal = std::numeric_limits<float>::min();
  volatile float denormal = smallest_normal * 0.5f;  // 0 under FTZ
  volatile float back = denormal * 2.0f;             // 0 under DAZ
  volatile float one = 1.0f;
  volatile float tiny = 0x1p-24f;
  volatile float up = one + tiny;  // a tie: stays 1 to nearest even
  volatile float above = one + tiny * 1.5f;
  return back == smallest_normal && up == 1.0f && above > 1.0f && -(-one - tiny) == 1.0f;
}

}  // namespace isobatch
