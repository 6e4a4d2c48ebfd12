// Same bits as ref/unpack_row.cc, for quantized types: a row of a panel is four bytes of each 64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/unpack_row.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/ref/panel.h"
#include "kernels/ref/ref.h"
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// The stored integers of a block, `quants` at the output's lane: four of them in each word.
template <int kBits>
HWY_INLINE void unpack_block(const std::byte* quants, std::uint32_t (&stored)[kBlock / 4]) {
  for (std::uint32_t& four : stored) four = 0;
  int done = 0;
#pragma GCC unroll 4
  for (const int plane : {8, 4, 2, 1}) {
    if (kBits - done < plane) continue;
    const std::uint32_t mask = 0x01010101u * ((1u << plane) - 1);
#pragma GCC unroll 8
    for (int quad = 0; quad < kBlock / 4; ++quad) {
      const int row = plane == 4 ? quad % 4 : quad / (8 / plane);
      const int field = plane == 4 ? quad / 4 : quad % (8 / plane);
      std::uint32_t bytes;
      std::memcpy(&bytes, quants + row * 64, 4);
      stored[quad] |= (bytes >> plane * field & mask) << done;
    }
    quants += plane * 64;
    done += plane;
  }
}

template <TensorType kType>
void unpack_row(const PackedMatrix& w, int row, float* out) {
  constexpr QuantLayout kLayout = quant_layout(kType);
  const std::byte* quants = ref::panel(w, row) + row % kPanel * 4;
  for (int block = 0; block < w.depth / kBlock; ++block, quants += 64 * kLayout.bits, out += kBlock) {
    HWY_ALIGN std::uint32_t stored[kBlock / 4];
    unpack_block<kLayout.bits>(quants, stored);
    HWY_ALIGN std::int8_t integers[kBlock];
    std::memcpy(integers, stored, sizeof integers);
    if constexpr (kLayout.codebook) {
      for (std::int8_t& integer : integers) integer = kIq4Codebook[integer];
    }
    for (int part = 0; part < kBlock / kLayout.scaled; ++part) {
      const int scale = block * (kBlock / kLayout.scaled) + part;
      const VF d = splat(ref::block_scale(w, row, scale));
      const VF m = splat(kLayout.minima ? ref::block_minimum(w, row, scale) : 0.0f);
      for (int k = part * kLayout.scaled; k < (part + 1) * kLayout.scaled; k += kLanes) {
        const VF q = hn::Sub(load_bytes<std::int8_t>(integers + k), splat(kLayout.offset));
        store(canonical(kLayout.minima ? hn::MulAdd(d, q, m) : hn::Mul(d, q)), out + k);
      }
    }
  }
}

template <std::size_t... kTypes>
void unpack(std::index_sequence<kTypes...>, const PackedMatrix& w, int row, float* out) {
  constexpr std::size_t kFirst = static_cast<std::size_t>(TensorType::q8_0);
  static constexpr UnpackRow* kKernels[] = {unpack_row<static_cast<TensorType>(kFirst + kTypes)>...};
  kKernels[static_cast<std::size_t>(w.type) - kFirst](w, row, out);
}

void unpack_row_of_any(const PackedMatrix& w, int row, float* out) {
  if (!is_quantized(w.type)) return ref::unpack_row(w, row, out);
  unpack(std::make_index_sequence<kTensorTypes - static_cast<std::size_t>(TensorType::q8_0)>(), w, row, out);
}

}  // namespace

void use_unpack_row(KernelTable& table) { table.unpack_row = unpack_row_of_any; }

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
