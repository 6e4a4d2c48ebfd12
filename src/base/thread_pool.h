// A fixed set of threads that split outputs, never sums.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace isobatch {

// parallel_for is called from one thread at a time; the caller works too. Every worker runs with the default
// floating-point environment (round to nearest, denormals kept).
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // total, the caller included; at least 1
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // body(item, thread) for item in [0, items), each once, in any order; thread in [0, size()).
  // body must not throw. Returns when all are done.
  template <typename Body>
  void parallel_for(int items, Body&& body) {
    parallel_for(items, 1, body);
  }
  // The items lie in `groups` ranges of equal length, at most size(). Each thread begins with the range that
  // is its own and goes on with what is left of others: the same items of two jobs mostly have the same
  // thread, which has in its caches what it wrote.
  template <typename Body>
  void parallel_for(int items, int groups, Body&& body) {
    using B = std::remove_reference_t<Body>;
    run(
        items, groups, [](void* context, int item, int thread) { (*static_cast<B*>(context))(item, thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }
  // Where group g of so many begins. The first ones are the larger ones by an item, if any: who takes groups
  // in their order then ends with the small ones, and threads end together.
  static int begin_of(int group, int groups, int items) {
    return items / groups * group + std::min(group, items % groups);
  }

 private:
  using Task = void (*)(void* context, int item, int thread);
  void run(int items, int groups, Task task, void* context);
  void work(int thread);
  void worker_loop(int thread);

  // One word says which job it is, whether workers may still join it, and how many are in it: the caller
  // waits for those alone. A worker that the system has not let run misses the job, and nobody waits for it.
  static constexpr std::uint32_t kWorkerBits = 15;
  static constexpr std::uint32_t kWorkers = (1u << kWorkerBits) - 1;  // in the job
  static constexpr std::uint32_t kOpen = 1u << kWorkerBits;
  static constexpr std::uint32_t kJob = kOpen << 1;  // counts on in 15 bits
  static constexpr std::uint32_t kStop = 1u << 31;
  static constexpr std::uint32_t job_of(std::uint32_t state) { return state & ~(kWorkers | kOpen); }

  std::vector<std::thread> workers_;
  Task task_ = nullptr;
  void* context_ = nullptr;
  int items_ = 0;
  int groups_ = 1;
  struct alignas(64) Next {
    std::atomic<int> item{0};
  };
  std::vector<Next> next_;  // of each group
  alignas(64) std::atomic<std::uint32_t> state_{0};
};

// CPUs this process may use: the affinity mask, capped by the cgroup's CPU quota; at least 1.
int available_cpus();

// Round to nearest even, denormals kept: what the contract is written for.
void set_default_float_environment();
bool float_environment_is_default();

}  // namespace isobatch
