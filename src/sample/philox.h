// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011. There is no state: a counter and a key give four words.
#pragma once

#include <array>
#include <cstdint>

namespace isobatch::sample {

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

// The number that chooses the token at `position` (tokens before it): a multiple of 2^-24 in [0, 1). Key: the
// seed, low word first; counter: (position low, position high, choice, 0); the first word's upper 24 bits.
float uniform(std::uint64_t seed, std::uint32_t choice, std::uint64_t position);

}  // namespace isobatch::sample
