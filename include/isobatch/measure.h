// What `bench` measures beside tokens/s: what this machine can do, and where the time of a step goes. Nothing
// here moves a bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/engine.h"

namespace isobatch {

struct MachinePeaks {
  int threads = 0;
  double bandwidth = 0;         // bytes/s, reading a set of the size that was asked for again and again
  double stream_bandwidth = 0;  // bytes/s, the same with 512 MiB
  double quantized = 0;         // operations/s of the dtype's products with quantized weights; 0: not known
  double f32 = 0;               // operations/s of fma; 0: not known
  std::string quantized_instruction, f32_instruction;
};

// Takes about two seconds on `threads` threads (0: as an engine takes). `kernels` as in Tuning. Throws Error:
// invalid_argument, unsupported, out_of_memory.
MachinePeaks measure_peaks(std::string_view kernels, int threads, std::size_t bytes,
                           DType dtype = DType::native);

struct StageTime {
  std::string_view name;  // of an operation: "qkv", "attention"
  double seconds = 0;
  // Of all threads, in this operation's items; the rest of threads · seconds they waited. None where it is
  // not measured.
  std::optional<double> thread_seconds;
};

struct StepTimes {
  std::uint64_t steps = 0;
  std::vector<StageTime> stages;  // those entered; their seconds add up to the steps'
};

// An engine whose steps are timed stage by stage. The clocks cost it a few per cent.
class ProfiledEngine {
 public:
  ProfiledEngine(std::shared_ptr<const Model> model, const Tuning& tuning);  // as Engine
  ~ProfiledEngine();
  ProfiledEngine(const ProfiledEngine&) = delete;
  ProfiledEngine& operator=(const ProfiledEngine&) = delete;

  Engine& engine();
  bool step();  // instead of engine().step()
  StepTimes prefill() const;
  StepTimes decode() const;
  void clear();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isobatch
