// N-ADJUST: what a request adds to its logits before a token is chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::sample {

// What stands before the token to choose, in this order.
struct History {
  std::span<const TokenId> prompt;
  std::span<const TokenId> generated;
  std::span<const TokenId> drafted = {};  // guesses that the row was computed after
};

// Tokens that are no candidates.
struct Exclusions {
  std::span<const TokenId> banned = {};
  std::span<const std::uint64_t> allowed = {};  // bit t % 64 of word t / 64: whether t is; empty: all are
};

// Changes a row of logits by the definition in docs/numerics.md, for each token t on its own; in f32, each
// operation rounded once:
//
//   0. t is not allowed, or is banned: l = NaN, which is never chosen.
//   1. t stands in the prompt or was generated: l = l * r where l < 0, else l / r; r the repetition penalty.
//   2. t was generated c > 0 times: l = l - (c * f), then l = l - p; f, p the frequency and presence
//   penalties.
//   3. t has a bias b: l = l + b.
//
// Holds scratch memory only.
class Adjuster {
 public:
  explicit Adjuster(int vocab_size);
  // logits [vocab_size]. Never throws.
  void apply(std::span<float> logits, const Sampling& sampling, const History& history,
             const Exclusions& exclusions) noexcept;
  // Gives the row of the last apply() its logits back.
  void undo(std::span<float> logits) noexcept;

 private:
  void count(std::span<const TokenId> tokens, std::uint32_t each) noexcept;
  void mask(std::span<float> logits, std::span<const std::uint64_t> allowed) noexcept;
  void set(std::span<float> logits, TokenId token, float value) noexcept;

  struct Saved {
    TokenId token;
    float logit;
  };
  std::vector<Saved> saved_;
  std::vector<float> row_;             // what mask() has changed; or empty
  std::vector<std::uint32_t> counts_;  // [vocab_size], 0: does not occur; else 1 + how often it was generated
  std::vector<TokenId> occurring_;
};

}  // namespace isobatch::sample
