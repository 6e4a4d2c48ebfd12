#include "engine/semantics.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace isobatch::engine {
namespace {

const char* name(DType dtype) {
  switch (dtype) {
    case DType::native:
      return "native";
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::native8:
      return "native8";
  }
  return "";
}

const char* name(Quantize type) {
  switch (type) {
    case Quantize::none:
      return "";
    case Quantize::q8_0:
      return "-q8_0";
    case Quantize::q4_0:
      return "-q4_0";
  }
  return "";
}

const char* name(KvDType dtype) {
  switch (dtype) {
    case KvDType::f32:
      return "f32";
    case KvDType::f16:
      return "f16";
    case KvDType::bf16:
      return "bf16";
    case KvDType::q8_0:
      return "q8_0";
  }
  return "";
}

}  // namespace

std::string describe(const Semantics& semantics) {
  return fmt::format("{}-{}-{}{}", name(semantics.dtype), name(semantics.kv_dtype.value()), semantics.context,
                     name(semantics.quantize));
}

std::string describe_packing(const Semantics& semantics) {
  // The weights of native8 are native's.
  const DType dtype = semantics.dtype == DType::native8 ? DType::native : semantics.dtype;
  return fmt::format("{}{}", name(dtype), name(semantics.quantize));
}

std::uint64_t prefix_salt(const Semantics& semantics) {
  const std::string text = fmt::format("{}-{}", kContractVersion, describe(semantics));
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace isobatch::engine
