// Resolved Semantics in words and as a number.
#pragma once

#include <cstdint>
#include <string>

#include "isobatch/options.h"

namespace isobatch::engine {

// "<dtype>-<kv dtype>-<context>", as in the fingerprint.
std::string describe(const Semantics& semantics);

// The part of it that packed weights depend on.
std::string describe_packing(const Semantics& semantics);

// Stands for everything but the model that touches K and V: contract version, dtype, KV dtype, context.
std::uint64_t prefix_salt(const Semantics& semantics);

}  // namespace isobatch::engine
