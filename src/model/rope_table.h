// cos and sin of the rotary angles, one row a position, extended as positions come into use.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kernels.h"

namespace isobatch::model {

// N-ROPE: inv_freq[i] = theta^(−2i/head_dim); angle = position · inv_freq[i]; cos and sin of it in double,
// rounded once to f32, and then to bf16 where results are.
class RopeTable {
 public:
  RopeTable(int head_dim, double theta, kernels::Rounding rounding);
  // Makes rows [0, positions) valid; not thread-safe. Pointers from before may move.
  void extend(int positions);
  const float* cos() const { return cos_.data(); }  // [position][head_dim/2]
  const float* sin() const { return sin_.data(); }

 private:
  std::vector<double> inverse_frequencies_;
  kernels::Rounding rounding_;
  std::vector<float> cos_, sin_;
  int positions_ = 0;
};

}  // namespace isobatch::model
