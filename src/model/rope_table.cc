#include "model/rope_table.h"

#include "base/float16.h"
#include "numerics/elementary.h"

namespace isobatch::model {

void RopeTable::extend(int positions) {
  const auto round = [this](double value) {
    const float once = static_cast<float>(value * rope_.magnitude);
    if (rounding_ == kernels::Rounding::bf16) return round_to_bf16(once);
    return rounding_ == kernels::Rounding::f16 ? round_to_f16(once) : once;
  };
  for (; positions_ < positions; ++positions_) {
    for (const double frequency : rope_.inverse_frequencies) {
      const numerics::SinCos value = numerics::sin_cos64(positions_ * frequency);
      cos_.push_back(round(value.cos));
      sin_.push_back(round(value.sin));
    }
  }
}

}  // namespace isobatch::model
