// cos and sin of the rotary angles, one row a position, extended as positions come into use.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kernels.h"
#include "model/rope_scaling.h"

namespace isobatch::model {

// N-ROPE: angle = position · inverse frequency; cos and sin of it times the magnitude in double, rounded once
// to f32, and then to what results are rounded to.
class RopeTable {
 public:
  RopeTable(Rope rope, kernels::Rounding rounding) : rope_(std::move(rope)), rounding_(rounding) {}
  // Makes rows [0, positions) valid; not thread-safe. Pointers from before may move.
  void extend(int positions);
  int dimensions() const { return rope_.dimensions(); }  // of a head that are rotated
  const float* cos() const { return cos_.data(); }       // [position][dimensions/2]
  const float* sin() const { return sin_.data(); }

 private:
  Rope rope_;
  kernels::Rounding rounding_;
  std::vector<float> cos_, sin_;
  int positions_ = 0;
};

}  // namespace isobatch::model
