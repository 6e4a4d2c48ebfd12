// The parts of a GGUF file's header, in their order; gguf.cc puts them together.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_cursor.h"

namespace isobatch::formats {

struct GgufCounts {
  int version = 0;
  std::uint64_t tensors = 0;
  std::uint64_t metadata = 0;
};

// Magic, version and counts. Error(corrupt_file) when the magic is another, Error(unsupported) for a version
// other than 2 and 3 and for big-endian files.
GgufCounts read_gguf_counts(GgufCursor& cursor);

// `count` keys and values. Error(corrupt_file) for duplicate or malformed keys, unknown value types and
// values that run out of the file; Error(unsupported) for arrays of arrays.
Metadata read_gguf_metadata(GgufCursor& cursor, std::uint64_t count);

// `count` tensor descriptions and the checks on them; `file` is the whole file. The tensors come back sorted
// by name, with their data inside `file`, aligned, and not overlapping.
std::vector<Tensor> read_gguf_tensors(GgufCursor& cursor, std::uint64_t count, std::uint64_t alignment,
                                      std::span<const std::byte> file);

}  // namespace isobatch::formats
