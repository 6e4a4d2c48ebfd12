// The digest of the logits that a request's tokens were chosen from.
#pragma once

#include <memory>
#include <span>

#include "isobatch/request.h"

struct XXH3_state_s;

namespace isobatch::engine {

// XXH3-128, fed row by row with the little-endian bytes of the f32 values.
class LogitsDigest {
 public:
  LogitsDigest();
  void fold(std::span<const float> row) noexcept;
  Digest value() const noexcept;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace isobatch::engine
