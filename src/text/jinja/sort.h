// Sorting by Python's <.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "text/jinja/operators.h"

namespace isobatch::text::jinja {

// Stable. key(item) is what is compared; throws when two cannot be. Merges by hand: a comparison that throws
// or contradicts itself (NaN) must do no harm.
template <typename Item, typename Key>
void sort_values(Context& context, std::vector<Item>& items, const Key& key, bool reverse = false) {
  const auto before = [&](const Item& a, const Item& b) {
    return compare(context, reverse ? CompareOp::greater : CompareOp::less, key(a), key(b));
  };
  std::vector<Item> merged;
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    merged.clear();
    for (std::size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, items.size()),
                        end = std::min(middle + width, items.size());
      std::size_t left = begin, right = middle;
      while (left < middle || right < end) {
        context.spend_steps(1);
        const bool take_right = left == middle || (right < end && before(items[right], items[left]));
        merged.push_back(std::move(items[take_right ? right++ : left++]));
      }
    }
    items.swap(merged);
  }
}

}  // namespace isobatch::text::jinja
