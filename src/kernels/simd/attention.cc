// Same bits as ref/attention.cc and, for bf16, ref/store_kv.cc. Scores: lanes are keys; values: lanes are
// dimensions; tiles are (query, head) rows × vectors, which share their loads. Keys that a row does not see
// are computed in the scores of its blocks and then ignored, and never touched in the values.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/attention.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/dot.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kTileVectors = 2;
constexpr int kTileWidth = kTileVectors * kLanes;

struct Bf16Kv {
  using Element = std::uint16_t;
  static constexpr int kHeight = kRowsOfTwoChains;
  static constexpr int kLaneElements = 2;  // elements from one lane to the next: pairs
  static HWY_INLINE VF round(VF x) { return round_operand_bf16(x); }
  static HWY_INLINE VF round_positive(VF x) { return round_positive_operand_bf16(x); }  // and no NaN
  static constexpr bool kScaled = false;
  // Terms [first, terms) of a block.
  template <int R, int V>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int first, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R][V]) {
    dot_b_block(w, 2 * lanes_in_row, terms, x, x_stride, acc, first);
  }
};

template <typename T>
struct FloatKv {
  using Element = T;
  static constexpr int kHeight = kRowsOfOneChain;
  static constexpr int kLaneElements = 1;
  static constexpr bool kScaled = std::is_same_v<T, std::int8_t>;  // q8_0: integers, with scales behind them
  static HWY_INLINE VF round(VF x) { return x; }
  static HWY_INLINE VF round_positive(VF x) { return x; }
  template <int R, int V>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int first, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R][V]) {
    dot_f_chunk(w + first * lanes_in_row, lanes_in_row, terms - first, x + first, x_stride, acc);
  }
};

// Scores of kTileWidth keys: out[row][lane] = dot(q[row], k[lane]) · scale.
template <typename Kv>
struct ScoreTile {
  const typename Kv::Element* k;  // the first key
  const std::byte* scales;        // its scales, where K has any
  int head_dim;
  const float* q;
  float scale;
  float* out;
  std::ptrdiff_t out_stride;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF acc[R][kTileVectors];
    set_zero(acc);
    for (int d = 0; d < head_dim; d += kBlock) {
      const float* x = q + first_row * head_dim + d;
      const int terms = HWY_MIN(kBlock, head_dim - d);
      if constexpr (Kv::kScaled) {
        VF chunk[R][kTileVectors];
        set_zero(chunk);
        Kv::template block<R, kTileVectors>(k + d * kKeyBlock, kKeyBlock, 0, terms, x, head_dim, chunk);
#pragma GCC unroll 16
        for (int v = 0; v < kTileVectors; ++v) {
          const VF scale_of_k = load_f16(scales + (d / kKvScaled * kKeyBlock + v * kLanes) * 2);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) acc[r][v] = hn::MulAdd(scale_of_k, chunk[r][v], acc[r][v]);
        }
      } else {
        Kv::template block<R, kTileVectors>(k + d * kKeyBlock, kKeyBlock, 0, terms, x, head_dim, acc);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < kTileVectors; ++v) {
        store(hn::Mul(acc[r][v], splat(scale)), out + (first_row + r) * out_stride + v * kLanes);
      }
    }
  }
};

// Adds keys [first, terms) of a block to sums of rows: acc[row][lane …] += Σ p[row][t] · v[t], V vectors
// of dimensions from `lane`.
template <typename Kv, int V>
struct ValueTile {
  const typename Kv::Element* v;  // at the dimension `lane`
  int padded_dim;
  int first, terms;
  const float* p;  // at the block's first key
  std::ptrdiff_t p_stride;
  float* acc;

  template <int R>
  HWY_INLINE void run(int first_row) const {
    VF sums[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int i = 0; i < V; ++i) {
        sums[r][i] = load(acc + (first_row + r) * padded_dim + i * kLanes);
      }
    }
    Kv::template block<R, V>(v, padded_dim, first, terms, p + first_row * p_stride, p_stride, sums);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int i = 0; i < V; ++i) {
        store(sums[r][i], acc + (first_row + r) * padded_dim + i * kLanes);
      }
    }
  }
};

// The first key of the first block that any query sees.
int first_block(const AttentionTask& task) {
  return task.first_visible(task.first_position) / kKeyBlock * kKeyBlock;
}

// What attention reads, in its order: K of each block, V of each block, then those of the next task. A block
// lies in a page of its own, where no hardware looks ahead, so kBytesAhead of it are asked for.
class Reading {
 public:
  explicit Reading(const AttentionTask& task)
      : task_(task),
        first_(first_block(task) / kKeyBlock),
        blocks_((task.first_position + task.queries + kKeyBlock - 1) / kKeyBlock - first_),
        ahead_(HWY_MAX(1, static_cast<int>(kBytesAhead / task.v_offset))) {
    for (int half = 0; !task.asked_for && half < ahead_; ++half) ask(at(half), 0, 1);
  }
  // Part `part` of `parts` of the work with K or V of this block begins.
  HWY_INLINE void at_keys(int block, int part, int parts) const {
    ask(at(block - first_ + ahead_), part, parts);
  }
  HWY_INLINE void at_values(int block) const { ask(at(blocks_ + block - first_ + ahead_), 0, 1); }

 private:
  static constexpr std::size_t kBytesAhead = 32 << 10;

  const std::byte* at(int half) const {
    if (half < blocks_) return task_.blocks[first_ + half];
    half -= blocks_;
    if (half < blocks_) return task_.blocks[first_ + half] + task_.v_offset;
    if (!task_.next) return nullptr;
    const AttentionTask& next = *task_.next;
    const int keys = next.first_position + next.queries;
    const int block = first_block(next) / kKeyBlock + half - blocks_;
    return block * kKeyBlock < keys ? next.blocks[block] : nullptr;
  }
  HWY_INLINE void ask(const std::byte* half, int part, int parts) const {
    if (!half) return;
    for (std::size_t i = task_.v_offset * part / parts; i < task_.v_offset * (part + 1) / parts; i += 64) {
      prefetch(half + i);
    }
  }

  const AttentionTask& task_;
  int first_, blocks_, ahead_;
};

// scaled[row][t] = p[row][t] · the scale of V at t, for the block's 32 keys.
HWY_INLINE void scale_weights(const float* p, std::ptrdiff_t p_stride, int rows, const std::byte* scales,
                              float* scaled) {
  for (int t = 0; t < kKeyBlock; t += kLanes) {
    const VF scale = load_f16(scales + t * 2);
    for (int r = 0; r < rows; ++r)
      store(hn::Mul(load(p + r * p_stride + t), scale), scaled + r * kKeyBlock + t);
  }
}

// acc[row] += Σ p[row][t] · v[t] over the keys of a block that each row sees.
template <typename Kv>
HWY_INLINE void sum_block(const AttentionTask& task, int first_key, const float* p, std::ptrdiff_t p_stride,
                          float* acc, float* scaled) {
  const int padded_dim = padded_head_dim(task.head_dim);
  const std::byte* block = task.blocks[first_key / kKeyBlock];
  const auto* v = reinterpret_cast<const typename Kv::Element*>(block + task.v_offset);
  const auto add = [&](int row, int count, int first, int terms) {
    const float* weights = p + row * p_stride + first_key;
    for (int lane = 0; lane < padded_dim; lane += kTileWidth) {
      if (Kv::kScaled && lane % kKvScaled == 0) {
        const std::byte* scales = block + task.v_offset + (padded_dim + lane / kKvScaled * 2) * kKeyBlock;
        scale_weights(weights, p_stride, count, scales, scaled);
      }
      const auto tile = [&]<int V>() {
        return ValueTile<Kv, V>{v + lane * Kv::kLaneElements,
                                padded_dim,
                                first,
                                terms,
                                Kv::kScaled ? scaled : weights,
                                Kv::kScaled ? kKeyBlock : p_stride,
                                acc + static_cast<std::ptrdiff_t>(row) * padded_dim + lane};
      };
      if (kPanel % kTileWidth == 0 || padded_dim - lane >= kTileWidth) {
        for_row_tiles<Kv::kHeight>(tile.template operator()<kTileVectors>(), count);
      } else if constexpr (kPanel % kTileWidth != 0) {
        for_row_tiles<Kv::kHeight>(tile.template operator()<1>(), count);
      }
    }
  };
  // Keys [first, terms) of the block are those that a query sees. Queries before the block see none of it;
  // neighbours that see the same ones go together: all of them where neither end of their views is here.
  const auto first = [&](int query) {
    return HWY_MAX(0, task.first_visible(task.first_position + query) - first_key);
  };
  const auto terms = [&](int query) {
    return HWY_MIN(kKeyBlock, task.first_position + query + 1 - first_key);
  };
  for (int query = HWY_MAX(0, first_key - task.first_position), end; query < task.queries; query = end) {
    for (end = query + 1; end < task.queries; ++end) {
      if (first(end) != first(query) || terms(end) != terms(query)) break;
    }
    if (first(query) < terms(query)) {
      add(query * task.group, (end - query) * task.group, first(query), terms(query));
    }
  }
}

// out[row] = sums[row] / denominators[row]
void divide(const AttentionTask& task, const float* sums, const float* denominators) {
  const int padded_dim = padded_head_dim(task.head_dim);
  for (int row = 0; row < task.queries * task.group; ++row) {
    float* out = task.out + (row / task.group) * task.query_stride + (row % task.group) * task.head_dim;
    const VF denominator = splat(denominators[row]);
    for (int d = 0; d < task.head_dim; d += kLanes) {
      const VF result = canonical(hn::Div(load(sums + row * padded_dim + d), denominator));
      if (d + kLanes <= task.head_dim) {
        store(result, out + d);
      } else {
        store_first(result, task.head_dim - d, out + d);
      }
    }
  }
}

// Scores of keys [begin, end) that a row sees, soft-capped; before them, in their block, −inf: no weight, and
// neither the maximum nor a sum can tell.
HWY_INLINE void finish_scores(const AttentionTask& task, int begin, int end, float* p) {
  if (task.soft_cap > 0.0f) {
    const VF cap = splat(task.soft_cap);
    for (int t = begin / kLanes * kLanes; t < end; t += kLanes) {
      store(hn::Mul(cap, tanh(hn::Div(load(p + t), cap))), p + t);
    }
  }
  for (int t = begin / kKeyBlock * kKeyBlock; t < begin; ++t) p[t] = -__builtin_inff();
}

// The greatest of n scores; NaN if one is.
HWY_INLINE float highest_score(const float* scores, int n) {
  VF highest = splat(-__builtin_inff());
  auto has_nan = hn::FirstN(F(), 0);
  const auto see = [&](VF s) {
    has_nan = hn::Or(has_nan, hn::IsNaN(s));
    highest = hn::Max(s, highest);  // a NaN may get lost here
  };
  int t = 0;
  for (; t + kLanes <= n; t += kLanes) see(load(scores + t));
  if (t < n) see(hn::IfThenElse(hn::FirstN(F(), n - t), load(scores + t), highest));
  return hn::AllFalse(F(), has_nan) ? hn::GetLane(hn::MaxOfLanes(F(), highest)) : numerics::canonical_nan();
}

// Weights of n scores, and their sum; those of [n, padded) are 0. `weights` may be `scores`.
template <typename Kv>
HWY_INLINE float weigh(const float* scores, float maximum, int n, int padded, float* weights) {
  SumLanes sum;
  const auto weigh_vectors = [&](const auto& weight_of) {
    const auto weight_at = [&](int t) { return weight_of(hn::Sub(load(scores + t), splat(maximum))); };
    int t = 0;
    for (; t + kPanel <= n; t += kPanel) {
      for (int i = 0; i < kVectors; ++i) {
        const VF weight = weight_at(t + i * kLanes);
        store(weight, weights + t + i * kLanes);
        sum.v[i] = hn::Add(sum.v[i], weight);
      }
    }
    for (; t < padded; t += kPanel) {
      for (int i = 0; i < kVectors; ++i) {
        const int rest = HWY_MAX(0, HWY_MIN(n - t - i * kLanes, kLanes));
        const VF weight = hn::IfThenElseZero(hn::FirstN(F(), rest), weight_at(t + i * kLanes));
        store(weight, weights + t + i * kLanes);
        sum.v[i] = hn::Add(sum.v[i], weight);
      }
    }
  };
  // With a finite maximum no difference is above 0 or NaN (scores that are not seen do not count).
  if (std::abs(maximum) < __builtin_inff()) {
    weigh_vectors([](VF x) { return Kv::round_positive(exp_of_negative(x)); });
  } else {
    weigh_vectors([](VF x) { return Kv::round(exp(x)); });
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

// q of all rows, rounded: [rows][head_dim].
template <typename Kv>
void round_queries(const AttentionTask& task, float* q) {
  const int dim = task.head_dim, group = task.group;
  for (int row = 0; row < task.queries * group; ++row) {
    const float* source = task.q + (row / group) * task.query_stride + (row % group) * dim;
    int d = 0;
    for (; d + kLanes <= dim; d += kLanes) store(Kv::round(load(source + d)), q + row * dim + d);
    if (d < dim) store_first(Kv::round(load_first(source + d, dim - d)), dim - d, q + row * dim + d);
  }
}

// Scores of kTileWidth keys from t on, before the soft-cap: p[row][t …].
template <typename Kv>
HWY_INLINE void score_keys(const AttentionTask& task, int t, const float* q, float* p,
                           std::ptrdiff_t padded) {
  const int dim = task.head_dim, rows = task.queries * task.group;
  // Queries before the block's first key do not see it.
  const int first = HWY_MAX(0, t / kKeyBlock * kKeyBlock - task.first_position) * task.group;
  const auto* k = reinterpret_cast<const typename Kv::Element*>(task.blocks[t / kKeyBlock]);
  const ScoreTile<Kv> tile{k + (t % kKeyBlock) * Kv::kLaneElements,
                           task.blocks[t / kKeyBlock] + padded_head_dim(dim) * kKeyBlock + t % kKeyBlock * 2,
                           dim,
                           q + first * dim,
                           task.scale,
                           p + first * padded + t,
                           padded};
  for_row_tiles<Kv::kHeight>(tile, rows - first);
}

template <typename Kv>
void attention(const AttentionTask& task) {
  const int dim = task.head_dim, group = task.group, rows = task.queries * group;
  const int keys = task.first_position + task.queries;
  const int padded = (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
  if (rows == 0) return;
  const Reading reading(task);
  float* q = task.scratch;  // [rows][head_dim], rounded; later sums of the values
  float* denominators = task.scratch + rows * (dim + 15);          // [rows]
  float* p = denominators + rows;                                  // [rows][padded]
  float* scaled = p + static_cast<std::ptrdiff_t>(rows) * padded;  // [rows][32]

  round_queries<Kv>(task, q);
  for (int t = first_block(task); t < padded; t += kTileWidth) {
    reading.at_keys(t / kKeyBlock, t % kKeyBlock / kTileWidth, kKeyBlock / kTileWidth);
    score_keys<Kv>(task, t, q, p, padded);
  }
  for (int row = 0; row < rows; ++row) {
    const int seen = task.first_position + row / group + 1, begin = task.first_visible(seen - 1);
    const int block = begin / kKeyBlock * kKeyBlock;  // lanes of the sum count from a block's start
    float* scores = p + static_cast<std::ptrdiff_t>(row) * padded;
    finish_scores(task, begin, seen, scores);
    const float maximum = highest_score(scores + block, seen - block);
    denominators[row] = weigh<Kv>(scores + block, maximum, seen - block, padded - block, scores + block);
  }
  std::memset(q, 0, sizeof(float) * rows * padded_head_dim(dim));
  for (int first_key = first_block(task); first_key < keys; first_key += kKeyBlock) {
    reading.at_values(first_key / kKeyBlock);
    sum_block<Kv>(task, first_key, p, padded, q, scaled);
  }
  divide(task, q, denominators);
}

// --- a task in parts --------------------------------------------------------------------------------------

// Asks for K (offset 0) or V of the blocks that come in this part; a part is long against what is asked for
// at once.
HWY_INLINE void ask_ahead(const AttentionTask& task, std::size_t offset, int block, int begin, int end) {
  constexpr std::size_t kBytesAhead = 32 << 10;
  const int ahead = HWY_MAX(1, static_cast<int>(kBytesAhead / task.v_offset));
  for (int b = block == begin ? begin + 1 : block + ahead; b <= block + ahead && b < end; ++b) {
    for (std::size_t i = 0; i < task.v_offset; i += 64) prefetch(task.blocks[b] + offset + i);
  }
}

template <typename Kv>
void score_part(const SplitAttention& split, int begin, int end, float* scratch) {
  const AttentionTask& task = split.task;
  const std::ptrdiff_t padded = split.padded_keys();
  round_queries<Kv>(task, scratch);
  for (int block = begin; block < end; ++block) {
    ask_ahead(task, 0, block, begin, end);
    for (int t = block * kKeyBlock; t < (block + 1) * kKeyBlock; t += kTileWidth) {
      score_keys<Kv>(task, t, scratch, split.scores, padded);
    }
  }
  for (int row = 0; row < split.rows(); ++row) {
    const int seen = task.first_position + row / task.group + 1, visible = task.first_visible(seen - 1);
    const int first = HWY_MAX(visible, begin * kKeyBlock), last = HWY_MIN(seen, end * kKeyBlock);
    float* scores = split.scores + row * padded;
    if (first < last) finish_scores(task, first, last, scores);
    for (int block = begin; block < end; ++block) {
      const int from = block * kKeyBlock, n = HWY_MAX(0, HWY_MIN(seen - from, kKeyBlock));
      const bool is_seen = n > 0 && from + kKeyBlock > visible;
      split.highest[block * split.rows() + row] =
          is_seen ? highest_score(scores + from, n) : -__builtin_inff();
    }
  }
}

// Of the blocks that the row sees; NaN if one is.
HWY_INLINE float highest_of_blocks(const SplitAttention& split, int row) {
  const int rows = split.rows();
  float highest = -__builtin_inff();
  for (int block = split.first_block(); block < split.blocks(); ++block) {
    const float own = split.highest[block * rows + row];
    if (own != own) return own;
    highest = own > highest ? own : highest;
  }
  return highest;
}

template <typename Kv>
void value_part(const SplitAttention& split, int begin, int end, float* scratch) {
  const AttentionTask& task = split.task;
  const int rows = split.rows(), group = task.group;
  const std::ptrdiff_t padded = split.padded_keys();
  for (int row = 0; row < rows; ++row) {
    const int seen = task.first_position + row / group + 1;
    const int block = task.first_visible(seen - 1) / kKeyBlock * kKeyBlock;
    const int first = HWY_MAX(block, begin * kKeyBlock), last = end * kKeyBlock;
    float* scores = split.scores + row * padded + first;
    if (first < last) {
      weigh<Kv>(scores, highest_of_blocks(split, row), HWY_MAX(0, HWY_MIN(seen, last) - first), last - first,
                scores);
    }
  }
  const std::ptrdiff_t block_sums = static_cast<std::ptrdiff_t>(rows) * padded_head_dim(task.head_dim);
  for (int block = begin; block < end; ++block) {
    ask_ahead(task, task.v_offset, block, begin, end);
    float* sums = split.sums + block * block_sums;
    std::memset(sums, 0, sizeof(float) * block_sums);
    sum_block<Kv>(task, block * kKeyBlock, split.scores, padded, sums, scratch);
  }
}

// Sums of blocks are added in their order, so that it does not matter who made them.
void combine_parts(const SplitAttention& split, float* scratch) {
  const AttentionTask& task = split.task;
  const int rows = split.rows(), padded_dim = padded_head_dim(task.head_dim);
  const std::ptrdiff_t padded = split.padded_keys();
  float* denominators = scratch + rows * padded_dim;
  for (int row = 0; row < rows; ++row) {
    const int seen = task.first_position + row / task.group + 1;
    const float* weights = split.scores + row * padded;
    SumLanes sum;
    for (std::ptrdiff_t t = task.first_visible(seen - 1) / kKeyBlock * kKeyBlock; t < padded; t += kPanel) {
      for (int i = 0; i < kVectors; ++i) sum.v[i] = hn::Add(sum.v[i], load(weights + t + i * kLanes));
    }
    denominators[row] = sum.fold();
    for (int d = 0; d < padded_dim; d += kLanes) {
      VF total = hn::Zero(F());
      for (int block = first_block(task) / kKeyBlock; block < padded / kKeyBlock; ++block) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(block) * rows + row;
        total = hn::Add(total, load(split.sums + at * padded_dim + d));
      }
      store(total, scratch + row * padded_dim + d);
    }
  }
  divide(task, scratch, denominators);
}

template <typename Kv>
constexpr AttentionParts parts_of() {
  return {score_part<Kv>, value_part<Kv>, combine_parts};
}

}  // namespace

void use_attention(KernelTable& table) {
  table.store_kv[static_cast<int>(KvDType::bf16)] = store_kv_bf16;
  table.attention[static_cast<int>(KvDType::f32)] = attention<FloatKv<float>>;
  table.attention[static_cast<int>(KvDType::f16)] = attention<FloatKv<std::uint16_t>>;
  table.attention[static_cast<int>(KvDType::bf16)] = attention<Bf16Kv>;
  table.attention[static_cast<int>(KvDType::q8_0)] = attention<FloatKv<std::int8_t>>;
  table.attention_parts[static_cast<int>(KvDType::f32)] = parts_of<FloatKv<float>>();
  table.attention_parts[static_cast<int>(KvDType::f16)] = parts_of<FloatKv<std::uint16_t>>();
  table.attention_parts[static_cast<int>(KvDType::bf16)] = parts_of<Bf16Kv>();
  table.attention_parts[static_cast<int>(KvDType::q8_0)] = parts_of<FloatKv<std::int8_t>>();
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
