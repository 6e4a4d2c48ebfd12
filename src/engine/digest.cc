#include "engine/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <bit>
#include <new>

namespace isobatch {

std::string to_hex(const Digest& digest) { return fmt::format("{:016x}{:016x}", digest.high, digest.low); }

Digest combine(const std::vector<Digest>& choices) {
  if (choices.size() == 1) return choices[0];
  std::string text;
  for (const Digest& digest : choices) text += to_hex(digest);
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64};
}

}  // namespace isobatch

namespace isobatch::engine {

static_assert(std::endian::native == std::endian::little, "the digest is defined on little-endian bytes");

LogitsDigest::LogitsDigest() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

void LogitsDigest::fold(std::span<const float> row) noexcept {
  XXH3_128bits_update(state_.get(), row.data(), row.size_bytes());
}

Digest LogitsDigest::value() const noexcept {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
  return {hash.high64, hash.low64};
}

void LogitsDigest::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

}  // namespace isobatch::engine
