// Reading packed quantized weights (packed_matrix.h, quant_layout.h) in vectors; lanes are outputs.
// Compiled once for each instruction set: the guard toggles.
#if defined(ISOBATCH_SIMD_QUANTS_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_QUANTS_H
#undef ISOBATCH_SIMD_QUANTS_H
#else
#define ISOBATCH_SIMD_QUANTS_H
#endif

#include <utility>

#include "kernels/simd/vector.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

using S = hn::Repartition<std::int16_t, I>;  // two 16-bit values for each lane
using VS = hn::Vec<S>;
using US = hn::Repartition<std::uint16_t, I>;
using VUS = hn::Vec<US>;

inline constexpr int kPairs = kBlock / 2;      // in a block of an output
inline constexpr int kPairBytes = kPanel * 4;  // the pair of each output of a panel: a row of a plane

HWY_INLINE VUS load_words(const std::byte* p) {
  return hn::LoadU(US(), reinterpret_cast<const std::uint16_t*>(p));
}

// One field of a plane, for the k of four that are even (kOdd 0) or odd, moved to bit kTo of each word.
template <int kPlane, int kQuad, int kOdd, int kTo>
HWY_INLINE VUS plane_field(const std::byte* plane) {
  constexpr int kFields = 8 / kPlane;
  constexpr int kRow = kPlane == 4 ? kQuad % 4 : kQuad / kFields;
  constexpr int kField = kPlane == 4 ? kQuad / 4 : kQuad % kFields;
  constexpr int kFrom = 8 * kOdd + kPlane * kField;
  VUS words = load_words(plane + kRow * kPairBytes);
  if constexpr (kFrom > kTo) words = hn::ShiftRight<kFrom - kTo>(words);
  if constexpr (kFrom < kTo) words = hn::ShiftLeft<kTo - kFrom>(words);
  if constexpr (kTo == 0 && kFrom + kPlane == 16) return words;
  return hn::And(words, hn::Set(US(), ((1 << kPlane) - 1) << kTo));
}

// The stored integers of a pair, 2 to 6 bits.
template <int kBits, int kQuad, int kOdd>
HWY_INLINE VUS stored_pair(const std::byte* quants) {
  constexpr int kLow = kBits < 4 ? 2 : 4;  // bits of the first plane
  VUS stored = plane_field<kLow, kQuad, kOdd, 0>(quants);
  if constexpr (kBits - kLow == 1 || kBits - kLow == 2) {
    stored = hn::Or(stored, plane_field<kBits - kLow, kQuad, kOdd, kLow>(quants + kLow * kPairBytes));
  }
  return stored;
}

// The same of all four k, as bytes.
template <int kPlane, int kQuad, int kTo>
HWY_INLINE VUS byte_field(const std::byte* plane) {
  constexpr int kFields = 8 / kPlane;
  constexpr int kRow = kPlane == 4 ? kQuad % 4 : kQuad / kFields;
  constexpr int kFrom = kPlane * (kPlane == 4 ? kQuad / 4 : kQuad % kFields);
  VUS bytes = load_words(plane + kRow * kPairBytes);
  if constexpr (kFrom > kTo) bytes = hn::ShiftRight<kFrom - kTo>(bytes);
  if constexpr (kFrom < kTo) bytes = hn::ShiftLeft<kTo - kFrom>(bytes);
  return hn::And(bytes, hn::Set(US(), (((1 << kPlane) - 1) << kTo) * 0x0101));
}
template <int kBits, int kQuad>
HWY_INLINE VUS stored_quad(const std::byte* quants) {
  constexpr int kLow = kBits < 4 ? 2 : 4;  // bits of the first plane
  VUS stored = byte_field<kLow, kQuad, 0>(quants);
  if constexpr (kBits - kLow == 1 || kBits - kLow == 2) {
    stored = hn::Or(stored, byte_field<kBits - kLow, kQuad, kLow>(quants + kLow * kPairBytes));
  }
  return stored;
}

template <int kOffset>
HWY_INLINE VS less(VUS stored) {
  const VS w = hn::BitCast(S(), stored);
  return kOffset == 0 ? w : hn::Sub(w, hn::Set(S(), kOffset));
}

// Signed bytes as the words of two pairs.
template <int kQuad, typename Visit>
HWY_INLINE void visit_bytes(VS bytes, const Visit& visit) {
  visit(2 * kQuad, hn::ShiftRight<8>(hn::ShiftLeft<8>(bytes)));
  visit(2 * kQuad + 1, hn::ShiftRight<8>(bytes));
}

template <TensorType kType, int kQuad, typename Visit>
HWY_INLINE void visit_quad(const std::byte* quants, const Visit& visit) {
  constexpr QuantLayout kLayout = quant_layout(kType);
  if constexpr (kLayout.bits == 8) {
    visit_bytes<kQuad>(hn::BitCast(S(), load_words(quants + kQuad * kPairBytes)), visit);
  } else if constexpr (kLayout.codebook) {
    using B = hn::Repartition<std::int8_t, I>;
    VUS indices = load_words(quants + kQuad % 4 * kPairBytes);
    if constexpr (kQuad >= 4) indices = hn::ShiftRight<4>(indices);
    const auto nibbles = hn::BitCast(B(), hn::And(indices, hn::Set(US(), 0x0f0f)));
    const auto codebook = hn::LoadDup128(B(), kIq4Codebook.data());
    visit_bytes<kQuad>(hn::BitCast(S(), hn::TableLookupBytes(codebook, nibbles)), visit);
  } else {
    visit(2 * kQuad, less<kLayout.offset>(stored_pair<kLayout.bits, kQuad, 0>(quants)));
    visit(2 * kQuad + 1, less<kLayout.offset>(stored_pair<kLayout.bits, kQuad, 1>(quants)));
  }
}

template <TensorType kType, typename Visit, int... kQuads>
HWY_INLINE void visit_quads(const std::byte* quants, const Visit& visit,
                            std::integer_sequence<int, kQuads...>) {
  (visit_quad<kType, kQuads>(quants, visit), ...);
}

// The weights of a block and a vector of outputs as pairs: visit(i, w) for each i in [0, 16), w to be
// multiplied with pair i of the activations (QuantForm::words: in each four k the pairs are (0, 2) and (1,
// 3), which is how 16-bit shifts take bytes and fields apart). `quants` is at the first output.
template <TensorType kType, typename Visit>
HWY_INLINE void unpack_block(const std::byte* quants, const Visit& visit) {
  // The fields of a row of nibbles one after the other.
  visit_quads<kType>(quants, visit, std::integer_sequence<int, 0, 4, 1, 5, 2, 6, 3, 7>());
}

// The scales of a panel, a vector of outputs from `lane` on. Index i: the values [i · scaled, (i + 1) ·
// scaled).
template <TensorType kType>
class Scales {
 public:
  static constexpr QuantLayout kLayout = quant_layout(kType);

  HWY_INLINE Scales(const std::byte* scales, int depth) : scales_(scales), at_(scale_offsets(kType, depth)) {}

  HWY_INLINE VF scale(int i, int lane) const {
    if constexpr (!kLayout.factors) return load_f16(scales_ + at_.scales + (i * kPanel + lane) * 2);
    const VF factor = load_f16(scales_ + at_.scale_factors + (super_block(i) * kPanel + lane) * 2);
    return hn::Mul(factor, load_bytes<std::int8_t>(scales_ + at_.scales + i * kPanel + lane));
  }
  HWY_INLINE VF minimum(int i, int lane) const {
    if constexpr (!kLayout.factors) return load_f16(scales_ + at_.minima + (i * kPanel + lane) * 2);
    const VF factor = load_f16(scales_ + at_.minimum_factors + (super_block(i) * kPanel + lane) * 2);
    return hn::Neg(hn::Mul(factor, load_bytes<std::uint8_t>(scales_ + at_.minima + i * kPanel + lane)));
  }
  // Asks for the same place in the next panel.
  HWY_INLINE void prefetch(int i, std::ptrdiff_t next_panel) const {
    constexpr int kRow = kPanel * (kLayout.factors ? 1 : 2);
    HWY_NAMESPACE::prefetch(scales_ + at_.scales + i * kRow + next_panel);
    if constexpr (kLayout.minima) HWY_NAMESPACE::prefetch(scales_ + at_.minima + i * kRow + next_panel);
  }

 private:
  static constexpr int super_block(int i) { return i * kLayout.scaled / kSuperBlock; }
  const std::byte* scales_;
  ScaleOffsets at_;
};

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
