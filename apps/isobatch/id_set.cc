#include "id_set.h"

#include <xxhash.h>

#include <utility>

namespace isobatch::cli {

bool IdSet::insert(std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  const Hash key = {hash.high64, hash.low64 | 1};  // never all zero
  Hash& place = slot(key);
  if (place == key) return false;
  place = key;
  if (++size_ * 4 > slots_.size() * 3) grow();
  return true;
}

IdSet::Hash& IdSet::slot(const Hash& hash) {
  std::size_t i = hash[0] & (slots_.size() - 1);
  while (slots_[i] != Hash{} && slots_[i] != hash) i = (i + 1) & (slots_.size() - 1);
  return slots_[i];
}

void IdSet::grow() {
  const std::vector<Hash> old = std::exchange(slots_, std::vector<Hash>(slots_.size() * 2));
  for (const Hash& hash : old) {
    if (hash != Hash{}) slot(hash) = hash;
  }
}

}  // namespace isobatch::cli
