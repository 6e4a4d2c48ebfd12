// What quantize_rows wants of the four blocks of a group at once: a result over each one's lanes. Compiled
// once for each instruction set: the guard toggles.
#if defined(ISOBATCH_SIMD_GROUP_LANES_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_GROUP_LANES_H
#undef ISOBATCH_SIMD_GROUP_LANES_H
#else
#define ISOBATCH_SIMD_GROUP_LANES_H
#endif

#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

inline constexpr int kBlocksInGroup = kGroup / kBlock;
static_assert(kBlocksInGroup == 4);

// Lane b of the first four: op over the lanes of v[b], op an operation without an order. By transposition.
template <typename D, typename Op>
HWY_INLINE void fold_lanes(D d, const hn::Vec<D> (&v)[kBlocksInGroup], const Op& op, hn::TFromD<D>* out) {
  const hn::Repartition<std::uint64_t, D> pairs;
  const auto fold = [&](hn::Vec<D> a, hn::Vec<D> b)
                        HWY_ATTR { return op(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)); };
  const auto a = hn::BitCast(pairs, fold(v[0], v[1])), b = hn::BitCast(pairs, fold(v[2], v[3]));
  const hn::Vec<D> all =
      op(hn::BitCast(d, hn::InterleaveLower(pairs, a, b)), hn::BitCast(d, hn::InterleaveUpper(pairs, a, b)));
  if constexpr (hn::MaxLanes(D()) == 4) {
    hn::StoreU(all, d, out);
  } else {
    const hn::Half<D> half;
    const auto eight = [&]() HWY_ATTR { return op(hn::LowerHalf(half, all), hn::UpperHalf(half, all)); }();
    if constexpr (hn::MaxLanes(D()) == 8) {
      hn::StoreU(eight, half, out);
    } else {
      const hn::Half<hn::Half<D>> quarter;
      hn::StoreU(op(hn::LowerHalf(quarter, eight), hn::UpperHalf(quarter, eight)), quarter, out);
    }
  }
}

HWY_INLINE void sum_lanes(const VI (&v)[kBlocksInGroup], std::int32_t (&sums)[kBlocksInGroup]) {
  fold_lanes(
      I(), v, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); }, sums);
}
HWY_INLINE void max_lanes(const VU (&v)[kBlocksInGroup], std::uint32_t (&highest)[kBlocksInGroup]) {
  fold_lanes(
      U(), v, [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); }, highest);
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
