// N-SUM: the one order in which a row is summed.
#pragma once

#include <cstddef>

namespace isobatch::numerics {

inline constexpr int kSumLanes = 16;

// Folds 16 lanes into lanes[0]: i with i + 8, then + 4, + 2, + 1.
inline float halving_tree(float (&lanes)[kSumLanes]) {
  for (int width = kSumLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}

// accumulate(lane, k) returns the lane's new value. Term k goes to lane k mod 16, k ascending, from +0; a
// lane without a term in the tail is left alone.
template <typename Accumulate>
float sum_terms(std::size_t n, Accumulate&& accumulate) {
  float lanes[kSumLanes] = {};
  for (std::size_t k = 0; k < n; ++k) lanes[k % kSumLanes] = accumulate(lanes[k % kSumLanes], k);
  return halving_tree(lanes);
}

inline float sum(const float* x, std::size_t n) {
  return sum_terms(n, [x](float lane, std::size_t k) { return lane + x[k]; });
}

}  // namespace isobatch::numerics
