// A fixed set of threads that split outputs, never sums.
#pragma once

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
    using B = std::remove_reference_t<Body>;
    run(
        items, [](void* context, int item, int thread) { (*static_cast<B*>(context))(item, thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Task = void (*)(void* context, int item, int thread);
  void run(int items, Task task, void* context);
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
  alignas(64) std::atomic<int> next_{0};
  alignas(64) std::atomic<std::uint32_t> state_{0};
};

// CPUs this process may use: the affinity mask, capped by the cgroup's CPU quota; at least 1.
int available_cpus();

// Round to nearest even, denormals kept: what the contract is written for.
void set_default_float_environment();
bool float_environment_is_default();

}  // namespace isobatch
