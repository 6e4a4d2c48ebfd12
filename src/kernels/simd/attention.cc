// Same bits as ref/attention.cc and, for bf16, ref/store_kv.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/attention.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/attention_steps.h"
#include "kernels/simd/simd.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {

void use_attention_parts(KernelTable& table);

namespace {

// What attention reads, in its order: K of each block, V of each block, then those of the next task. K of the
// last block comes first: the caller may store there what the task begins with.
class Reading {
 public:
  explicit Reading(const AttentionTask& task)
      : task_(task),
        first_(first_block(task) / kKeyBlock),
        blocks_((task.first_position + task.queries + kKeyBlock - 1) / kKeyBlock - first_),
        ahead_(halves_ahead(task)) {
    for (int half = 0; !task.asked_for && half < ahead_; ++half) ask_for(at(half), 0, task.v_offset);
  }
  // What to ask for in the work with K or V of this block.
  HWY_INLINE AskAt at_keys(int block) const { return ask_at(first_ + blocks_ - 1 - block); }
  HWY_INLINE AskAt at_values(int block) const { return ask_at(blocks_ + block - first_); }

 private:
  const std::byte* at(int half) const {
    if (half < blocks_) return task_.blocks[first_ + blocks_ - 1 - half];
    half -= blocks_;
    if (half < blocks_) return task_.blocks[first_ + half] + task_.v_offset;
    if (!task_.next) return nullptr;
    const AttentionTask& next = *task_.next;
    const int last = (next.first_position + next.queries - 1) / kKeyBlock;
    const int block = last - (half - blocks_);
    return block >= first_block(next) / kKeyBlock ? next.blocks[block] : nullptr;
  }
  HWY_INLINE AskAt ask_at(int half) const { return ask_from(at(half), at(half + ahead_)); }

  const AttentionTask& task_;
  int first_, blocks_, ahead_;
};

// Bits of bf16 values, as the halves of pairs: pairs[i] has those of lanes 2i and 2i + 1.
HWY_INLINE void store_pairs(VU bits, std::uint32_t* pairs) {
  using Long = hn::Repartition<std::uint64_t, U>;
  const auto two = hn::BitCast(Long(), bits);
  const auto pair = hn::Or(hn::ShiftRight<16>(two), hn::ShiftRight<32>(two));
  hn::Store(hn::TruncateTo(hn::Rebind<std::uint32_t, Long>(), pair), hn::Rebind<std::uint32_t, Long>(),
            pairs);
}

// Values of V as the halves of pairs[0 … n) that belong to `position`; the others are another token's, which
// another thread may be storing.
HWY_INLINE void store_halves(VU bits, int position, int n, std::uint16_t* pairs) {
#if HWY_TARGET == HWY_AVX3
  const __m512i values = position % 2 != 0 ? bits.raw : _mm512_srli_epi32(bits.raw, 16);
  const __mmask32 halves = position % 2 != 0 ? 0xaaaaaaaau : 0x55555555u;
  _mm512_mask_storeu_epi16(pairs, halves & static_cast<__mmask32>((std::uint64_t{1} << 2 * n) - 1), values);
#else
  HWY_ALIGN std::uint32_t lanes[kLanes];
  hn::Store(hn::ShiftRight<16>(bits), U(), lanes);
  for (int i = 0; i < n; ++i) pairs[2 * i + position % 2] = static_cast<std::uint16_t>(lanes[i]);
#endif
}

// K [pairs of dimensions][32 keys][2], V [pairs of keys][padded][2].
void store_kv_bf16(const float* k, const float* v, int head_dim, int position, std::byte* block,
                   std::size_t v_offset) {
  const int padded = padded_head_dim(head_dim);
  auto* k_pairs = reinterpret_cast<std::uint32_t*>(block) + position;
  auto* v_pairs = reinterpret_cast<std::uint16_t*>(block + v_offset) + position / 2 * padded * 2;
  const auto bits = [](const float* x, int n) HWY_ATTR {
    return hn::BitCast(U(), round_operand_bf16(n == kLanes ? load(x) : load_first(x, n)));
  };
  for (int d = 0; d < head_dim; d += kLanes) {
    const int n = HWY_MIN(kLanes, head_dim - d);
    HWY_ALIGN std::uint32_t pairs[kLanes / 2];
    store_pairs(bits(k + d, n), pairs);
    for (int i = 0; i < n / 2; ++i) k_pairs[(d / 2 + i) * kKeyBlock] = pairs[i];
    if (n % 2 != 0) std::memcpy(k_pairs + (d + n) / 2 * kKeyBlock, &pairs[n / 2], 2);
    store_halves(bits(v + d, n), position, n, v_pairs + 2 * d);
  }
}

template <typename Kv>
void attention(const AttentionTask& task) {
  const int dim = task.head_dim, rows = task.queries * task.group;
  const int keys = task.first_position + task.queries;
  const int padded = padded_keys(keys);
  const std::ptrdiff_t p_stride = attention_row_floats(keys);
  if (rows == 0) return;
  const Reading reading(task);
  float* q = task.scratch;  // [rows][head_dim], rounded; later sums of the values
  float* denominators = task.scratch + rows * (dim + 15);  // [rows]
  float* p = denominators + rows;                          // [rows][padded], p_stride apart
  float* scaled = p + rows * p_stride;                     // [rows][32]

  round_queries<Kv>(task, q);
  for (int t = padded - kTileWidth; t >= first_block(task); t -= kTileWidth) {
    score_keys<Kv>(task, t, q, p, p_stride, reading.at_keys(t / kKeyBlock));
  }
  weigh_rows<Kv>(task, p, p_stride, denominators);
  std::memset(q, 0, sizeof(float) * rows * padded_head_dim(dim));
  for (int first_key = first_block(task); first_key < keys; first_key += kKeyBlock) {
    sum_block<Kv>(task, first_key, p, p_stride, q, scaled, reading.at_values(first_key / kKeyBlock));
  }
  divide(task, q, denominators);
}

}  // namespace

void use_attention(KernelTable& table) {
  table.store_kv[static_cast<int>(KvDType::bf16)] = store_kv_bf16;
  table.attention[static_cast<int>(KvDType::f32)] = attention<FloatKv<float>>;
  table.attention[static_cast<int>(KvDType::f16)] = attention<FloatKv<std::uint16_t>>;
  table.attention[static_cast<int>(KvDType::bf16)] = attention<Bf16Kv>;
  table.attention[static_cast<int>(KvDType::q8_0)] = attention<FloatKv<std::int8_t>>;
  use_attention_parts(table);
}

const AttentionSteps& bf16_attention_steps() {
  static constexpr AttentionSteps kSteps{
      round_queries<Bf16Kv>,
      [](const AttentionTask& task, float* p, std::ptrdiff_t p_stride, float* denominators) {
        weigh_rows<Bf16Kv>(task, p, p_stride, denominators);
      },
      [](const AttentionTask& task, int first_key, const float* p, std::ptrdiff_t p_stride, float* sums) {
        sum_block<Bf16Kv>(task, first_key, p, p_stride, sums, nullptr, {});
      },
      divide};
  return kSteps;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
