// Same bits as ref/attention.cc and, for bf16, ref/store_kv.cc. Scores: lanes are keys; values: lanes are
// dimensions; tiles are (query, head) rows, which share the loads of K and V. Keys beyond a row's position
// are computed in the scores and then ignored, and never touched in the values.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/attention.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/dot.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

struct Bf16Kv {
  using Element = std::uint16_t;
  static constexpr int kLaneElements = 2;  // elements from one lane to the next: pairs
  static HWY_INLINE VF round(VF x) { return round_operand_bf16(x); }
  template <int R>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R]) {
    dot_b_block<R>(w, 2 * lanes_in_row, terms, x, x_stride, acc);
  }
};

template <typename T>
struct FloatKv {
  using Element = T;
  static constexpr int kLaneElements = 1;
  static HWY_INLINE VF round(VF x) { return x; }
  template <int R>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R]) {
    dot_f_chunk<R>(w, lanes_in_row, terms, x, x_stride, acc);
  }
};

// Scores of one vector of keys: out[row][lane] = dot(q[row], k[lane]) · scale.
template <typename Kv>
struct ScoreTile {
  const typename Kv::Element* k;  // the vector's first key
  int head_dim;
  const float* q;
  float scale;
  float* out;
  std::ptrdiff_t out_stride;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = hn::Zero(F());
    for (int d = 0; d < head_dim; d += kBlock) {
      Kv::template block<R>(k + d * kKeyBlock, kKeyBlock, HWY_MIN(kBlock, head_dim - d),
                            q + first_row * head_dim + d, head_dim, acc);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) store(hn::Mul(acc[r], splat(scale)), out + (first_row + r) * out_stride);
  }
};

// One vector of dimensions of the output: Σ p[row][t] · v[t] over each row's own keys, divided.
template <typename Kv>
struct ValueTile {
  const AttentionTask& task;
  int lane;  // first dimension
  const float* p;
  std::ptrdiff_t p_stride;
  const float* denominators;

  int keys(int row) const { return task.first_position + row / task.group + 1; }

  template <int R>
  HWY_INLINE void block(int b, int terms, const float* weights, VF (&acc)[R]) const {
    const auto* v = reinterpret_cast<const typename Kv::Element*>(task.blocks[b] + task.v_offset);
    Kv::template block<R>(v + lane * Kv::kLaneElements, padded_head_dim(task.head_dim), terms,
                          weights + b * kKeyBlock, p_stride, acc);
  }

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) acc[r] = hn::Zero(F());
    const int shared = keys(first_row) / kKeyBlock;  // whole blocks that all rows see: rows ascend
    for (int b = 0; b < shared; ++b) block<R>(b, kKeyBlock, p + first_row * p_stride, acc);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const int row = first_row + r, n = keys(row);
      VF own[1] = {acc[r]};
      for (int b = shared; b * kKeyBlock < n; ++b) {
        block<1>(b, HWY_MIN(kKeyBlock, n - b * kKeyBlock), p + row * p_stride, own);
      }
      const VF result = canonical(hn::Div(own[0], splat(denominators[row])));
      float* out =
          task.out + (row / task.group) * task.query_stride + (row % task.group) * task.head_dim + lane;
      if (lane + kLanes <= task.head_dim) {
        store(result, out);
      } else {
        store_first(result, task.head_dim - lane, out);
      }
    }
  }
};

// Turns a row's scores into weights in place and returns their sum. p[n, padded) becomes 0.
template <typename Kv>
HWY_INLINE float softmax_row(float* p, int n, int padded) {
  VF highest = splat(-__builtin_inff());
  auto has_nan = hn::FirstN(F(), 0);
  for (int t = 0; t < n; t += kLanes) {
    const VF s = hn::IfThenElse(hn::FirstN(F(), HWY_MIN(n - t, kLanes)), load(p + t), highest);
    has_nan = hn::Or(has_nan, hn::IsNaN(s));
    highest = hn::IfThenElse(hn::Gt(s, highest), s, highest);
  }
  const float maximum =
      hn::AllFalse(F(), has_nan) ? hn::GetLane(hn::MaxOfLanes(F(), highest)) : numerics::canonical_nan();
  SumLanes sum;
  for (int t = 0; t < padded; t += kPanel) {
    for (int i = 0; i < kVectors; ++i) {
      float* at = p + t + i * kLanes;
      const int rest = HWY_MAX(0, HWY_MIN(n - t - i * kLanes, kLanes));
      const VF weight = Kv::round(exp(hn::Sub(load(at), splat(maximum))));
      const VF kept = hn::IfThenElseZero(hn::FirstN(F(), rest), weight);
      store(kept, at);
      sum.v[i] = hn::Add(sum.v[i], kept);
    }
  }
  return sum.fold();
}

// K and V are rounded in vectors; what is left is scattering halves into their pairs.
void store_kv_bf16(const float* k, const float* v, int head_dim, int position, std::byte* block,
                   std::size_t v_offset) {
  const int padded = padded_head_dim(head_dim);
  auto* k_block = reinterpret_cast<std::uint16_t*>(block) + position * 2;
  auto* v_block =
      reinterpret_cast<std::uint16_t*>(block + v_offset) + position / 2 * padded * 2 + position % 2;
  for (int d = 0; d < head_dim; d += kLanes) {
    const int n = HWY_MIN(kLanes, head_dim - d);
    HWY_ALIGN std::uint32_t k_bits[kLanes], v_bits[kLanes];
    const VF k_lanes = n == kLanes ? load(k + d) : load_first(k + d, n);
    const VF v_lanes = n == kLanes ? load(v + d) : load_first(v + d, n);
    hn::Store(hn::ShiftRight<16>(hn::BitCast(U(), round_operand_bf16(k_lanes))), U(), k_bits);
    hn::Store(hn::ShiftRight<16>(hn::BitCast(U(), round_operand_bf16(v_lanes))), U(), v_bits);
    for (int i = 0; i < n; ++i) {
      k_block[((d + i) / 2 * kKeyBlock) * 2 + (d + i) % 2] = static_cast<std::uint16_t>(k_bits[i]);
      v_block[(d + i) * 2] = static_cast<std::uint16_t>(v_bits[i]);
    }
  }
}

// A block lies in a page of its own: its keys are asked for while the block before it is worked on. V follows
// K and is asked for by the stream of K.
HWY_INLINE void prefetch_keys(const std::byte* block, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(block + i);
}

template <typename Kv>
void attention(const AttentionTask& task) {
  const int dim = task.head_dim, group = task.group, rows = task.queries * group;
  const int keys = task.first_position + task.queries;
  const int padded = (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
  float* q = task.scratch;               // [rows][head_dim], rounded
  float* denominators = q + rows * dim;  // [rows]
  float* p = denominators + rows;        // [rows][padded]

  for (int row = 0; row < rows; ++row) {
    const float* source = task.q + (row / group) * task.query_stride + (row % group) * dim;
    int d = 0;
    for (; d + kLanes <= dim; d += kLanes) store(Kv::round(load(source + d)), q + row * dim + d);
    if (d < dim) store_first(Kv::round(load_first(source + d, dim - d)), dim - d, q + row * dim + d);
  }
  for (int t = 0; t < padded; t += kLanes) {
    if (t % kKeyBlock == 0 && t + kKeyBlock < padded) {
      prefetch_keys(task.blocks[t / kKeyBlock + 1], task.v_offset);
    }
    // Queries before the block's first key do not see it.
    const int first = HWY_MAX(0, t / kKeyBlock * kKeyBlock - task.first_position) * group;
    const auto* k = reinterpret_cast<const typename Kv::Element*>(task.blocks[t / kKeyBlock]);
    const ScoreTile<Kv> tile{k + (t % kKeyBlock) * Kv::kLaneElements,
                             dim,
                             q + first * dim,
                             task.scale,
                             p + static_cast<std::ptrdiff_t>(first) * padded + t,
                             padded};
    for_row_tiles<kTileRows>(tile, rows - first);
  }
  for (int row = 0; row < rows; ++row) {
    denominators[row] = softmax_row<Kv>(p + static_cast<std::ptrdiff_t>(row) * padded,
                                        task.first_position + row / group + 1, padded);
  }
  for (int lane = 0; lane < dim; lane += kLanes) {
    for_row_tiles<kTileRows>(ValueTile<Kv>{task, lane, p, padded, denominators}, rows);
  }
}

}  // namespace

void use_attention(KernelTable& table) {
  table.store_kv[static_cast<int>(KvDType::bf16)] = store_kv_bf16;
  table.attention[static_cast<int>(KvDType::f32)] = attention<FloatKv<float>>;
  table.attention[static_cast<int>(KvDType::f16)] = attention<FloatKv<std::uint16_t>>;
  table.attention[static_cast<int>(KvDType::bf16)] = attention<Bf16Kv>;
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
