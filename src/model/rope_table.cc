#include "model/rope_table.h"

#include "base/float16.h"
#include "numerics/elementary.h"

namespace isobatch::model {

RopeTable::RopeTable(int head_dim, double theta, kernels::Rounding rounding) : rounding_(rounding) {
  const double log_theta = numerics::log64(theta);
  for (int i = 0; i < head_dim / 2; ++i) {
    inverse_frequencies_.push_back(numerics::exp64(-2.0 * i / head_dim * log_theta));
  }
}

void RopeTable::extend(int positions) {
  const auto round = [this](double value) {
    const float once = static_cast<float>(value);
    return rounding_ == kernels::Rounding::bf16 ? round_to_bf16(once) : once;
  };
  for (; positions_ < positions; ++positions_) {
    for (const double frequency : inverse_frequencies_) {
      const numerics::SinCos value = numerics::sin_cos64(positions_ * frequency);
      cos_.push_back(round(value.cos));
      sin_.push_back(round(value.sin));
    }
  }
}

}  // namespace isobatch::model
