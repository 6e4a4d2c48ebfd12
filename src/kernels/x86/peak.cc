// The instructions that the x86 tables' matrix products are made of, in more independent chains than any core
// can have in flight. Assembly, because a compiler would see that the loops compute nothing.
#include <immintrin.h>

#include "kernels/x86/tiles.h"
#include "kernels/x86/x86.h"

namespace isobatch::kernels {
namespace {

constexpr int kChains = 12;  // with the operands and a product they fit 16 registers

#define ISOBATCH_PEAK_LOOP(Name, Vector, ...)                             \
  void Name(std::int64_t rounds) {                                        \
    Vector chains[kChains] = {}, a = {}, b = {};                          \
    asm volatile("" : "+v"(a), "+v"(b));                                  \
    for (; rounds > 0; --rounds) {                                        \
      _Pragma("GCC unroll 16") for (Vector & c : chains) { __VA_ARGS__; } \
    }                                                                     \
    for (Vector & c : chains) asm volatile("" ::"v"(c));                  \
  }

#pragma GCC push_options
#pragma GCC target("avx2,fma")
ISOBATCH_PEAK_LOOP(fma_256, __m256, asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c) : "v"(a), "v"(b)))
ISOBATCH_PEAK_LOOP(madd_256, __m256i, {
  __m256i product;
  asm volatile("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+v"(c), "=&v"(product) : "v"(a), "v"(b));
})
ISOBATCH_PEAK_LOOP(maddubs_256, __m256i, {
  __m256i product;
  asm volatile("vpmaddubsw %2, %3, %1\n\tvpaddw %1, %0, %0" : "+v"(c), "=&v"(product) : "v"(a), "v"(b));
})
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
ISOBATCH_PEAK_LOOP(fma_512, __m512, asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c) : "v"(a), "v"(b)))
ISOBATCH_PEAK_LOOP(madd_512, __m512i, {
  __m512i product;
  asm volatile("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+v"(c), "=&v"(product) : "v"(a), "v"(b));
})
ISOBATCH_PEAK_LOOP(maddubs_512, __m512i, {
  __m512i product;
  asm volatile("vpmaddubsw %2, %3, %1\n\tvpaddw %1, %0, %0" : "+v"(c), "=&v"(product) : "v"(a), "v"(b));
})
ISOBATCH_PEAK_LOOP(dpbusd_512, __m512i, asm volatile("vpdpbusd %1, %2, %0" : "+v"(c) : "v"(a), "v"(b)))
// The fours of half a block as vnni_pairs.cc has them.
static_assert(kPairedQuads == 3);
ISOBATCH_PEAK_LOOP(pairs_512, __m512i, {
  for (int quad = 0; quad < kPairedQuads; ++quad) {
    __m512i first, second;
    asm volatile("vpaddw %3, %4, %1\n\tvpaddw %3, %4, %2\n\tvpdpwssd %1, %2, %0"
                 : "+v"(c), "=&v"(first), "=&v"(second)
                 : "v"(a), "v"(b));
  }
  asm volatile("vpdpwssd %1, %2, %0\n\tvpdpwssd %1, %2, %0" : "+v"(c) : "v"(a), "v"(b));
})
#pragma GCC pop_options

#undef ISOBATCH_PEAK_LOOP

// Whole tiles, sums in four of them.
void tile_products(std::int64_t rounds) {
  amx::TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.row_bytes[tile] = 64, config.rows[tile] = 16;
  amx::configure(config);
  for (; rounds > 0; --rounds) {
    amx::multiply_bytes<0, 4, 6, true>();
    amx::multiply_bytes<1, 5, 6, true>();
    amx::multiply_bytes<2, 4, 7, true>();
    amx::multiply_bytes<3, 5, 7, true>();
  }
  amx::release();
}

}  // namespace

PeakLoops avx2_peak_loops() {
  return {.quantized = {"vpmaddwd + vpaddd, 256 bit", kChains * 2.0 * 16, madd_256},
          .quantized8 = {"vpmaddubsw + vpaddw, 256 bit", kChains * 2.0 * 32, maddubs_256},
          .f32 = {"vfmadd, 256 bit", kChains * 2.0 * 8, fma_256}};
}

PeakLoops avx512_peak_loops() {
  return {.quantized = {"vpmaddwd + vpaddd, 512 bit", kChains * 2.0 * 32, madd_512},
          .quantized8 = {"vpmaddubsw + vpaddw, 512 bit", kChains * 2.0 * 64, maddubs_512},
          .f32 = {"vfmadd, 512 bit", kChains * 2.0 * 16, fma_512}};
}

PeakLoops vnni_peak_loops() {
  const PeakLoop pairs{"vpdpwssd + vpaddw, 512 bit, three of four products by pairs", kChains * 2.0 * 16 * 16,
                       pairs_512};
  const PeakLoop bytes{"vpdpbusd, 512 bit, two byte products for one of 12 bits", kChains * 2.0 * 64 / 2,
                       dpbusd_512};
  return {.quantized = vnni_many_rows_here() == VnniManyRows::by_pairs ? pairs : bytes,
          .quantized8 = {"vpdpbusd, 512 bit", kChains * 2.0 * 64, dpbusd_512},
          .f32 = avx512_peak_loops().f32};
}

PeakLoops amx_peak_loops() {
  return {.quantized = {"tdpbssd, two byte products for one of 12 bits", 4 * 2.0 * 16 * 16 * 64 / 2,
                        tile_products},
          .quantized8 = vnni_peak_loops().quantized8,
          .f32 = avx512_peak_loops().f32};
}

}  // namespace isobatch::kernels
