// Mistakes that people make when they batch, planted on demand so that the diagnosis can be tried on them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isobatch::audit::padded {

struct Faults {
  bool no_mask = false;
  bool mask_off_by_one = false;
  bool nan_in_padding = false;
  bool positions_from_padding = false;
  bool position_not_advanced = false;
  bool neighbour_kv = false;
  bool batch_scale = false;
  bool softmax_over_padding = false;
  bool wrong_last_token = false;
  bool unordered_sum = false;
  bool f16_overflow = false;
  bool cache_key_short = false;
};

struct FaultName {
  std::string_view name;
  std::string_view what;
  bool Faults::*member;
};
std::span<const FaultName> fault_names();

// Throws Error(invalid_argument) for a name that is none.
Faults parse_faults(const std::vector<std::string>& names);

}  // namespace isobatch::audit::padded
