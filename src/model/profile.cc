#include "model/profile.h"

namespace isobatch::model {

Profile::Times Profile::busy() const {
  Times sum{};
  for (const Thread& thread : threads_) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += thread.busy[i];
  }
  return sum;
}

void Profile::clear() {
  wall_ = {};
  for (Thread& thread : threads_) thread.busy = {};
}

}  // namespace isobatch::model
