#include "model/rope_table.h"

#include "numerics/elementary.h"

namespace isobatch::model {

RopeTable::RopeTable(int head_dim, double theta) {
  const double log_theta = numerics::log64(theta);
  for (int i = 0; i < head_dim / 2; ++i) {
    inverse_frequencies_.push_back(numerics::exp64(-2.0 * i / head_dim * log_theta));
  }
}

void RopeTable::extend(int positions) {
  for (; positions_ < positions; ++positions_) {
    for (const double frequency : inverse_frequencies_) {
      const numerics::SinCos value = numerics::sin_cos64(positions_ * frequency);
      cos_.push_back(static_cast<float>(value.cos));
      sin_.push_back(static_cast<float>(value.sin));
    }
  }
}

}  // namespace isobatch::model
