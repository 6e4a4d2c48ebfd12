// A fingerprint read back.
#include <charconv>

#include "engine/semantics.h"
#include "isobatch/model.h"

namespace isobatch {
namespace {

// More than any of the enumerations has; describe() leaves the names of the others empty.
constexpr int kEnumerators = 16;

}  // namespace

std::optional<Semantics> semantics_of(std::string_view fingerprint) {
  std::string_view rest = fingerprint;
  for (int part = 0; part < 3; ++part) {  // isobatch, the contract, the file
    const std::size_t dash = rest.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(dash + 1);
  }
  const std::size_t kv = rest.find('-');
  const std::size_t context = kv == std::string_view::npos ? kv : rest.find('-', kv + 1);
  if (context == std::string_view::npos || kv == 0 || context == kv + 1) return std::nullopt;
  Semantics semantics;
  std::from_chars(rest.data() + context + 1, rest.data() + rest.size(), semantics.context);
  for (int i = 0; i < kEnumerators * kEnumerators * kEnumerators; ++i) {
    semantics.dtype = static_cast<DType>(i % kEnumerators);
    semantics.kv_dtype = static_cast<KvDType>(i / kEnumerators % kEnumerators);
    semantics.quantize = static_cast<Quantize>(i / kEnumerators / kEnumerators);
    if (engine::describe(semantics) == rest) return semantics;
  }
  return std::nullopt;
}

}  // namespace isobatch
