// Same bits as ref/matmul_q.cc. In a block the int32 sum is exact, so any instruction will do: AVX2 and
// AVX-512 multiply bytes to pairs in int16 (vpmaddubsw), NEON by vmull; lanes are outputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_q.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

using B = hn::Repartition<std::uint8_t, I>;
using S = hn::Repartition<std::int16_t, I>;
using VB = hn::Vec<B>;
using VS = hn::Vec<S>;

constexpr int kTileRowsQ = kLanes == 8 ? 4 : 8;
constexpr int kBlocksInGroup = kGroup / kBlock;

// Sums of two neighbouring byte products as int16. `u4`: w in 0 … 15, |sum| ≤ 3,810 for the high part of the
// activations, so eight of them still fit. `s8`: w in −128 … 127, |sum| ≤ 32,512 for the high part; ≤ 2,048
// for the low part, so eight of those fit.
#if HWY_TARGET == HWY_AVX2
HWY_INLINE VS pair_products_u4(VB w, VB x) { return VS{_mm256_maddubs_epi16(w.raw, x.raw)}; }
HWY_INLINE VS pair_products_s8(VB w, VB x) {
  return VS{_mm256_maddubs_epi16(_mm256_abs_epi8(w.raw), _mm256_sign_epi8(x.raw, w.raw))};
}
HWY_INLINE VI widen_pairs(VS v) { return VI{_mm256_madd_epi16(v.raw, _mm256_set1_epi16(1))}; }
#elif HWY_TARGET == HWY_AVX3
HWY_INLINE VS pair_products_u4(VB w, VB x) { return VS{_mm512_maddubs_epi16(w.raw, x.raw)}; }
HWY_INLINE VS pair_products_s8(VB w, VB x) {
  const __m512i signed_x =
      _mm512_mask_sub_epi8(x.raw, _mm512_movepi8_mask(w.raw), _mm512_setzero_si512(), x.raw);
  return VS{_mm512_maddubs_epi16(_mm512_abs_epi8(w.raw), signed_x)};
}
HWY_INLINE VI widen_pairs(VS v) { return VI{_mm512_madd_epi16(v.raw, _mm512_set1_epi16(1))}; }
#else  // NEON
HWY_INLINE VS pair_products_s8(VB w, VB x) {
  const int8x16_t a = vreinterpretq_s8_u8(w.raw), b = vreinterpretq_s8_u8(x.raw);
  return VS{vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_s8(vget_high_s8(a), vget_high_s8(b)))};
}
HWY_INLINE VS pair_products_u4(VB w, VB x) { return pair_products_s8(w, x); }
HWY_INLINE VI widen_pairs(VS v) { return VI{vpaddlq_s16(v.raw)}; }
#endif

HWY_INLINE VB broadcast4(const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, 4);
  return hn::BitCast(B(), hn::Set(I(), four));
}

HWY_INLINE VB load_bytes(const std::byte* p) {
  prefetch_ahead(p);
  return hn::LoadU(B(), reinterpret_cast<const std::uint8_t*>(p));
}

HWY_INLINE VF load_f16(const std::byte* p) {
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(F(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
}

// The weights of a block and their sum with a row's 32 values: `x` holds 32 high and 32 low parts.
struct BlockQ8_0 {
  VB w[8];
  HWY_INLINE explicit BlockQ8_0(const std::byte* quants) {
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) w[g] = load_bytes(quants + g * 64);
  }
  HWY_INLINE VI dot(const std::int8_t* x, std::int32_t /*sum*/) const {
    VI high = hn::Zero(I());
    VS low = hn::Zero(S());
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) {
      high = hn::Add(high, widen_pairs(pair_products_s8(w[g], broadcast4(x + 4 * g))));
      low = hn::Add(low, pair_products_s8(w[g], broadcast4(x + kBlock + 4 * g)));
    }
    return hn::Add(hn::ShiftLeft<4>(high), widen_pairs(low));
  }
  static constexpr int kBytes = 512;
};

struct BlockQ4_1 {
  VB w[8];
  HWY_INLINE explicit BlockQ4_1(const std::byte* quants) {
    const VB low = hn::Set(B(), 15);
#pragma GCC unroll 16
    for (int g = 0; g < 4; ++g) {
      const VB packed = load_bytes(quants + g * 64);
      w[g] = hn::And(packed, low);
      w[g + 4] = hn::And(hn::BitCast(B(), hn::ShiftRight<4>(hn::BitCast(S(), packed))), low);
    }
  }
  HWY_INLINE VI dot(const std::int8_t* x, std::int32_t /*sum*/) const {
    VS high = hn::Zero(S()), low = hn::Zero(S());
#pragma GCC unroll 16
    for (int g = 0; g < 8; ++g) {
      high = hn::Add(high, pair_products_u4(w[g], broadcast4(x + 4 * g)));
      low = hn::Add(low, pair_products_u4(w[g], broadcast4(x + kBlock + 4 * g)));
    }
    return hn::Add(hn::ShiftLeft<4>(widen_pairs(high)), widen_pairs(low));
  }
  static constexpr int kBytes = 256;
};

// q4_0 stores w + 8.
struct BlockQ4_0 : BlockQ4_1 {
  HWY_INLINE explicit BlockQ4_0(const std::byte* quants) : BlockQ4_1(quants) {}
  HWY_INLINE VI dot(const std::int8_t* x, std::int32_t sum) const {
    return hn::Sub(BlockQ4_1::dot(x, sum), hn::Set(I(), 8 * sum));
  }
};

// One vector of outputs, R rows from first_row on. Pointers are offset to the vector's first lane.
template <typename Block, bool kHasMinima>
struct Tile {
  const std::byte* quants;
  const std::byte* scales;
  const QuantizedRows& x;
  float* out;
  std::ptrdiff_t out_stride;
  int outputs;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    const int blocks = x.blocks();
    VF acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = hn::Zero(F());
    for (int group = 0; group < x.groups(); ++group) {
      VF t[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) t[r] = hn::Zero(F());
      const int end = HWY_MIN((group + 1) * kBlocksInGroup, blocks);
      for (int b = group * kBlocksInGroup; b < end; ++b) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
        const Block block(quants + static_cast<std::ptrdiff_t>(b) * Block::kBytes);
        const VF scale = load_f16(scales + b * kPanel * 2);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const VI isum = block.dot(x.values + (at + r) * kBlockBytes, x.sums[at + r]);
          t[r] = hn::MulAdd(scale, hn::ConvertTo(F(), isum), t[r]);
        }
      }
      const float* dx = x.scales + static_cast<std::ptrdiff_t>(group) * x.rows + first_row;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = hn::MulAdd(splat(dx[r]), t[r], acc[r]);
    }
    if constexpr (kHasMinima) {
      VF minima[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) minima[r] = hn::Zero(F());
      for (int b = 0; b < blocks; ++b) {
        const float* scaled_sums = x.scaled_sums + static_cast<std::ptrdiff_t>(b) * x.rows + first_row;
        const VF minimum = load_f16(scales + (blocks + b) * kPanel * 2);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) minima[r] = hn::MulAdd(minimum, splat(scaled_sums[r]), minima[r]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) acc[r] = hn::Add(acc[r], minima[r]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      float* target = out + (first_row + r) * out_stride;
      if (outputs >= kLanes) {
        store(canonical(acc[r]), target);
      } else {
        store_first(canonical(acc[r]), outputs, target);
      }
    }
  }
};

template <typename Block, bool kHasMinima>
void matmul(const MatmulTask& task, const QuantizedRows& x) {
  const PackedMatrix& w = task.weights;
  const std::size_t stride = panel_bytes(w.type, w.depth), scales = quants_bytes(w.type, w.depth);
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const std::byte* panel = w.data + p * stride;
    for (int lane = 0; lane < kPanel && p * kPanel + lane < w.outputs; lane += kLanes) {
      const int output = p * kPanel + lane;
      const Tile<Block, kHasMinima> tile{panel + lane * 4,  panel + scales + lane * 2, x,
                                         task.out + output, task.out_stride,           w.outputs - output};
      for_row_tiles<kTileRowsQ>(tile, task.rows);
    }
  }
}

}  // namespace

void use_matmul_q(KernelTable& table) {
  table.matmul_q[static_cast<int>(TensorType::q8_0)] = matmul<BlockQ8_0, false>;
  table.matmul_q[static_cast<int>(TensorType::q4_0)] = matmul<BlockQ4_0, false>;
  table.matmul_q[static_cast<int>(TensorType::q4_1)] = matmul<BlockQ4_1, true>;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
