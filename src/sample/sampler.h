// N-SAMPLE: a row of logits to a token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isobatch/request.h"
#include "kernels/kernels.h"
#include "sample/adjust.h"

namespace isobatch::sample {

// Throws Error(invalid_argument) naming the field whose value is out of range.
void validate(const Sampling& sampling, int vocab_size);

// Chooses tokens by the definition of N-SAMPLE in docs/numerics.md, after N-ADJUST (sample/adjust.h); in f32,
// each operation rounded once:
//
//   1. temperature 0: the token of the greatest logit, the smallest id on ties. Otherwise:
//   2. candidates: all tokens whose logit is not NaN. None: no token can be chosen.
//   3. top_k: the k candidates of the greatest logits; of equal logits the smaller id goes first.
//   4. weights: w = exp((l - m) / temperature), m the greatest logit; w = 1 where l = m, be m infinite or
//   not.
//   5. top_p: candidates in descending order of logit, equal ones by ascending id; their weights added from
//   +0 in
//      this order; kept up to the first at which the running sum is >= top_p · N-SUM(weights by ascending
//      id). All, when rounding keeps it below.
//   6. min_p: of those, the ones with w >= min_p (the greatest weight is 1).
//   7. draw: t = u · N-SUM(kept weights by ascending id), u = uniform(seed, choice, position); the weights
//   added
//      from +0 by ascending id; the first token at which the running sum is > t, else the last with w > 0.
//
// A Sampler only holds scratch memory, one per thread.
class Sampler {
 public:
  explicit Sampler(int vocab_size);

  // logits [vocab_size]; changed on the way, but unchanged in the end. `position`: tokens before the one to
  // choose, which `history` holds. -1 when there is no candidate. Never
  // throws.
  TokenId choose(std::span<float> logits, const Sampling& sampling, const History& history,
                 std::uint64_t position, const Exclusions& exclusions,
                 const kernels::KernelTable& kernels) noexcept;

 private:
  struct Candidate {
    TokenId token;
    float logit;
    float weight;
  };
  static bool before(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
  }
  TokenId choose_adjusted(std::span<const float> logits, const Sampling& sampling, std::uint64_t position,
                          const kernels::KernelTable& kernels) noexcept;
  void keep_top_k(int k) noexcept;
  void keep_top_p(float top_p) noexcept;
  void sort_by_token() noexcept;
  float sum_weights() noexcept;

  Adjuster adjuster_;
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;
};

}  // namespace isobatch::sample
