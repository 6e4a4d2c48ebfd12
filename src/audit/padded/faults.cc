#include "audit/padded/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "isobatch/error.h"

namespace isobatch::audit::padded {
namespace {

constexpr std::array kFaults = {
    FaultName{"no_mask", "attention sees the padding", &Faults::no_mask},
    FaultName{"mask_off_by_one", "attention sees the column of padding next to the prompt",
              &Faults::mask_off_by_one},
    FaultName{"nan_in_padding", "rows of padding, which attend to nothing, become NaN",
              &Faults::nan_in_padding},
    FaultName{"positions_from_padding", "positions are counted from the first column, padding included",
              &Faults::positions_from_padding},
    FaultName{"position_not_advanced", "the second row of a batch keeps its position at new tokens",
              &Faults::position_not_advanced},
    FaultName{"neighbour_kv", "one column of K and V is read from the next row of the batch",
              &Faults::neighbour_kv},
    FaultName{"batch_scale", "activations are int8 with one scale for the whole batch", &Faults::batch_scale},
    FaultName{"softmax_over_padding", "padding counts in the softmax's sum and is masked only afterwards",
              &Faults::softmax_over_padding},
    FaultName{"wrong_last_token", "under right padding the logits are read in the last column",
              &Faults::wrong_last_token},
    FaultName{"unordered_sum", "the residual sum is made in an order that changes from run to run",
              &Faults::unordered_sum},
    FaultName{"f16_overflow", "in f16 the feed-forward's values are stored before they are scaled down",
              &Faults::f16_overflow},
    FaultName{"cache_key_short", "the prefix cache's key leaves out the last token",
              &Faults::cache_key_short},
};

}  // namespace

std::span<const FaultName> fault_names() { return kFaults; }

Faults parse_faults(const std::vector<std::string>& names) {
  Faults faults;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(kFaults, name, &FaultName::name);
    if (found == kFaults.end()) {
      std::vector<std::string_view> known;
      for (const FaultName& fault : kFaults) known.push_back(fault.name);
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("padded: there is no fault '{}', but {}", name, fmt::join(known, ", ")));
    }
    faults.*(found->member) = true;
  }
  return faults;
}

}  // namespace isobatch::audit::padded
