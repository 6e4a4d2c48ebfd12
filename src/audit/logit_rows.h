// Two rows of logits of the same place.
#pragma once

#include <cstdint>
#include <span>

namespace isobatch::audit {

struct RowDifference {
  bool bits_equal = true;
  bool nonfinite = false;  // `b` has an infinity or NaN where `a` has none; the rest does not count then
  double max = 0;          // greatest |a − b|
  double ulp = 0;          // greatest distance in f32's last places
  double relative = 0;     // root mean square of a − b over the standard deviation of a
  double kl = 0;           // of the two softmax distributions, a to b, in nats
};

// Requires rows of equal length. Takes logits that are −inf in both (banned tokens) as equal.
RowDifference difference(std::span<const float> a, std::span<const float> b);

// Between the two greatest logits: a tie is 0. Rows of one value: infinity.
float margin(std::span<const float> logits);

// How many f32 numbers lie between the two, the second included; 0 for equal bits. Infinite for NaN.
double ulp_distance(float a, float b);

}  // namespace isobatch::audit
