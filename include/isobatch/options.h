// Two kinds of option. Semantics may change bits and is part of the fingerprint; Tuning may not change a bit,
// and the invariance suite varies every field of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace isobatch {

// Version of docs/numerics.md. Equal versions promise equal bits.
inline constexpr int kContractVersion = 1;

// Arithmetic of the matrix products and between operations. native8 is native but that what meets quantized
// weights has 8 bits, not 12: faster, and as far from f32 as other engines are.
enum class DType { native, f32, bf16, f16, native8 };
enum class KvDType { f32, f16, bf16, q8_0 };  // what K and V are rounded to when they are produced

// Matrices of float weights that are quantized when they are loaded, as ggml's tools would before.
enum class Quantize { none, q8_0, q4_0 };

struct Semantics {
  DType dtype = DType::native;
  std::optional<KvDType> kv_dtype;  // default: f32 for f32, f16 for f16, else bf16
  int context = 0;                  // positions; 0: the model's own context length
  Quantize quantize = Quantize::none;
};

struct Tuning {
  int threads = 0;           // 0: CPUs in the affinity mask, capped by the cgroup quota
  int max_batch = 64;        // requests that hold pages at once
  int max_step_rows = 512;   // rows (tokens) in one forward pass: the prefill chunk
  int page_size = 32;        // positions in a KV page, a multiple of 32
  std::size_t kv_bytes = 0;  // size of the KV pool; 0: least of memory / 4 and max_batch full contexts
  bool kv_cache = true;      // false: recompute the whole sequence for each token
  bool prefix_cache = true;  // share the pages of equal prompt prefixes
  int speculate = 0;         // most drafted tokens a request verifies in a step; 0: off, as without kv_cache
  std::string kernels = "auto";
};

}  // namespace isobatch
