#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "isobatch/measure.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"

namespace isobatch {
namespace {

constexpr std::size_t kStreamBytes = std::size_t{512} << 20;
constexpr std::size_t kAlignment = 4096;  // of each thread's part
constexpr double kSeconds = 0.25;         // for each figure

// The best of as many runs as fit: other programs can only slow one down.
template <typename Run>
double best_seconds(Run&& run) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  double best = 0;
  for (Clock::time_point before = start; before - start < std::chrono::duration<double>(kSeconds);) {
    run();
    const Clock::time_point after = Clock::now();
    const double seconds = std::chrono::duration<double>(after - before).count();
    if (best == 0 || seconds < best) best = seconds;
    before = after;
  }
  return best;
}

// One item a thread: each takes far longer than it takes the others to wake up.
double read_bandwidth(ThreadPool& threads, std::size_t bytes) {
  const std::size_t part = std::max<std::size_t>(1, bytes / threads.size() / kAlignment) * kAlignment;
  Arena memory(part * threads.size());
  std::byte* data = memory.data();
  threads.parallel_for(threads.size(), [&](int i, int) { std::memset(data + i * part, i + 1, part); });
  // Short passes are run several times, so that waking the threads does not count.
  const int passes = static_cast<int>((std::size_t{64} << 20) / (part * threads.size())) + 1;
  std::atomic<std::uint64_t> keep = 0;
  const double seconds = best_seconds([&] {
    threads.parallel_for(threads.size(), [&](int i, int) {
      for (int pass = 0; pass < passes; ++pass) keep ^= kernels::read_all(data + i * part, part);
    });
  });
  return static_cast<double>(part) * threads.size() * passes / seconds;
}

double operation_rate(ThreadPool& threads, const kernels::PeakLoop& loop) {
  if (loop.run == nullptr) return 0;
  constexpr std::int64_t kRounds = 1'000'000;  // some milliseconds
  const double seconds =
      best_seconds([&] { threads.parallel_for(threads.size(), [&](int, int) { loop.run(kRounds); }); });
  return loop.operations_per_round * kRounds * threads.size() / seconds;
}

}  // namespace

MachinePeaks measure_peaks(std::string_view kernels, int threads, std::size_t bytes, DType dtype) {
  const kernels::PeakLoops loops = kernels::peak_loops(*kernels::choose_table(kernels).table);
  const kernels::PeakLoop& quantized = dtype == DType::native8 ? loops.quantized8 : loops.quantized;
  ThreadPool pool(threads > 0 ? threads : available_cpus());
  MachinePeaks peaks;
  peaks.threads = pool.size();
  peaks.bandwidth = read_bandwidth(pool, bytes);
  peaks.stream_bandwidth = read_bandwidth(pool, kStreamBytes);
  peaks.quantized = operation_rate(pool, quantized);
  peaks.quantized_instruction = quantized.instruction;
  peaks.f32 = operation_rate(pool, loops.f32);
  peaks.f32_instruction = loops.f32.instruction;
  return peaks;
}

}  // namespace isobatch
