// The steps of attention, for a whole task and for one in parts. Scores: lanes are keys; values: lanes are
// dimensions; tiles are (query, head) rows × vectors, which share their loads. Keys that a row does not see
// are computed in the scores of its blocks and then ignored, and never touched in the values.
#if defined(ISOBATCH_SIMD_ATTENTION_STEPS_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ISOBATCH_SIMD_ATTENTION_STEPS_H
#undef ISOBATCH_SIMD_ATTENTION_STEPS_H
#else
#define ISOBATCH_SIMD_ATTENTION_STEPS_H
#endif

#include "kernels/simd/dot.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

constexpr int kTileVectors = 2;
constexpr int kTileWidth = kTileVectors * kLanes;

struct Bf16Kv {
  using Element = std::uint16_t;
  // Rows of AVX-512 that keep both chains in registers; the other tables have too few of these.
  static constexpr int kHeight = kLanes == 16 ? kRowsOfBothChains<kTileVectors> : kRowsOfTwoChains;
  static constexpr int kLaneElements = 2;  // elements from one lane to the next: pairs
  static HWY_INLINE VF round(VF x) { return round_operand_bf16(x); }
  // round(exp(x)) of values that are neither above 0 nor NaN. What exp makes 0 is far below what rounding
  // does.
  template <int N>
  static HWY_INLINE void exp_of_negative(VF (&x)[N]) {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) x[i] = hn::Max(x[i], splat(numerics::kExpLow));
    exp_in_range(x);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) x[i] = round_positive_operand_bf16(x[i]);
  }
  static constexpr bool kScaled = false;
  // Terms [first, terms) of a block.
  template <int R, int V, typename Ask>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int first, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R][V], const Ask& ask) {
    dot_b_block(w, 2 * lanes_in_row, first, terms, x, x_stride, acc, ask);
  }
};

template <typename T>
struct FloatKv {
  using Element = T;
  static constexpr int kHeight = kRowsOfOneChain;
  static constexpr int kLaneElements = 1;
  static constexpr bool kScaled = std::is_same_v<T, std::int8_t>;  // q8_0: integers, with scales behind them
  static HWY_INLINE VF round(VF x) { return x; }
  template <int N>
  static HWY_INLINE void exp_of_negative(VF (&x)[N]) {
    HWY_NAMESPACE::exp_of_negative(x);
  }
  template <int R, int V, typename Ask>
  static HWY_INLINE void block(const Element* w, int lanes_in_row, int first, int terms, const float* x,
                               std::ptrdiff_t x_stride, VF (&acc)[R][V], const Ask& ask) {
    dot_f_chunk(w + first * lanes_in_row, lanes_in_row, terms - first, x + first, x_stride, acc, ask);
  }
};

// K and V of a block are its halves. Each lies in a page of its own, where no hardware looks ahead, so the
// one that is kBytesAhead later in the order of reading is asked for.
constexpr std::size_t kBytesAhead = 16 << 10;

HWY_INLINE int halves_ahead(const AttentionTask& task) {
  return HWY_MAX(1, static_cast<int>(kBytesAhead / task.v_offset));
}

// From the half that is read now to the one to ask for, which may be none.
HWY_INLINE AskAt ask_from(const std::byte* now, const std::byte* later) {
  return {later ? reinterpret_cast<std::intptr_t>(later) - reinterpret_cast<std::intptr_t>(now) : 0};
}

// Asks for bytes [begin, end) of a half at once.
HWY_INLINE void ask_for(const std::byte* half, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin / 64 * 64; half && i < end; i += 64) prefetch(half + i);
}

// Rows of a tile, of which the first ones ask.
template <int R, typename Tile>
HWY_INLINE void run_asking(const Tile& tile, int first_row) {
  if (first_row == 0 && tile.first_ask.distance != 0) {
    tile.template sum<R>(first_row, tile.first_ask);
  } else {
    tile.template sum<R>(first_row, AskNothing());
  }
}

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
  AskAt first_ask;  // of the first rows

  template <int R>
  HWY_INLINE void run(int first_row) const {
    run_asking<R>(*this, first_row);
  }

  template <int R, typename Ask>
  HWY_INLINE void sum(int first_row, const Ask& ask) const {
    VF acc[R][kTileVectors];
    set_zero(acc);
    for (int d = 0; d < head_dim; d += kBlock) {
      const float* x = q + first_row * head_dim + d;
      const int terms = HWY_MIN(kBlock, head_dim - d);
      if constexpr (Kv::kScaled) {
        VF chunk[R][kTileVectors];
        set_zero(chunk);
        Kv::template block<R, kTileVectors>(k + d * kKeyBlock, kKeyBlock, 0, terms, x, head_dim, chunk, ask);
#pragma GCC unroll 16
        for (int v = 0; v < kTileVectors; ++v) {
          const VF scale_of_k = load_f16(scales + (d / kKvScaled * kKeyBlock + v * kLanes) * 2);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) acc[r][v] = hn::MulAdd(scale_of_k, chunk[r][v], acc[r][v]);
        }
      } else {
        Kv::template block<R, kTileVectors>(k + d * kKeyBlock, kKeyBlock, 0, terms, x, head_dim, acc, ask);
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
  AskAt first_ask;  // of the first rows

  template <int R>
  HWY_INLINE void run(int first_row) const {
    run_asking<R>(*this, first_row);
  }

  template <int R, typename Ask>
  HWY_INLINE void sum(int first_row, const Ask& ask) const {
    VF sums[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int i = 0; i < V; ++i) {
        sums[r][i] = load(acc + (first_row + r) * padded_dim + i * kLanes);
      }
    }
    Kv::template block<R, V>(v, padded_dim, first, terms, p + first_row * p_stride, p_stride, sums, ask);
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
                          float* acc, float* scaled, AskAt ask) {
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
                                acc + static_cast<std::ptrdiff_t>(row) * padded_dim + lane,
                                ask};
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
      if (ask.distance == 0) continue;
      // The rest of that half. Other queries need not ask again.
      const std::byte* half = block + task.v_offset + ask.distance;
      const std::size_t key = padded_dim * sizeof(typename Kv::Element);
      ask_for(half, 0, first(query) * key);
      ask_for(half, terms(query) * key, task.v_offset);
      ask.distance = 0;
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
      VF x[1] = {hn::Div(load(p + t), cap)};
      tanh(x);
      store(hn::Mul(cap, x[0]), p + t);
    }
  }
  for (int t = begin / kKeyBlock * kKeyBlock; t < begin; ++t) p[t] = -__builtin_inff();
}

// The greatest of n scores; NaN if one is.
HWY_INLINE float highest_score(const float* scores, int n) {
  VF highest[kTogether];
#pragma GCC unroll 16
  for (int i = 0; i < kTogether; ++i) highest[i] = splat(-__builtin_inff());
  auto has_nan = hn::FirstN(F(), 0);
  const auto see = [&](VF s, int i) HWY_ATTR {
    has_nan = hn::Or(has_nan, hn::IsNaN(s));
    highest[i] = hn::Max(s, highest[i]);  // a NaN may get lost here
  };
  int t = 0;
  for (; t + kTogether * kLanes <= n; t += kTogether * kLanes) {
#pragma GCC unroll 16
    for (int i = 0; i < kTogether; ++i) see(load(scores + t + i * kLanes), i);
  }
  for (; t + kLanes <= n; t += kLanes) see(load(scores + t), 0);
  if (t < n) see(hn::IfThenElse(hn::FirstN(F(), n - t), load(scores + t), highest[0]), 0);
  if (!hn::AllFalse(F(), has_nan)) return numerics::canonical_nan();
#pragma GCC unroll 16
  for (int i = 1; i < kTogether; ++i) highest[0] = hn::Max(highest[0], highest[i]);
  return hn::GetLane(hn::MaxOfLanes(F(), highest[0]));
}

// Weights of n scores, and their sum; those of [n, padded) are 0. `weights` may be `scores`.
template <typename Kv>
HWY_INLINE float weigh(const float* scores, float maximum, int n, int padded, float* weights) {
  SumLanes sum;
  const auto weigh_vectors = [&](const auto& weigh) {
    VF lanes[kVectors];  // of sum; in registers
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) lanes[i] = hn::Zero(F());
    // N vectors at once, those behind the first n scores 0.
    const auto weigh_at = [&]<int N>(int t, std::integral_constant<int, N>, bool whole) HWY_ATTR {
      VF x[N];
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) x[i] = hn::Sub(load(scores + t + i * kLanes), splat(maximum));
      weigh(x);
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) {
        const int at = t + i * kLanes;
        if (!whole) x[i] = hn::IfThenElseZero(hn::FirstN(F(), HWY_MAX(0, HWY_MIN(n - at, kLanes))), x[i]);
        store(x[i], weights + at);
        lanes[i % kVectors] = hn::Add(lanes[i % kVectors], x[i]);
      }
    };
    constexpr int kRest = HWY_MIN(kTogether, kKeyBlock / kLanes);
    static_assert(kRest % kVectors == 0);
    int t = 0;
    for (; t + kTogether * kLanes <= n; t += kTogether * kLanes) {
      weigh_at(t, std::integral_constant<int, kTogether>(), true);
    }
    for (; t < padded; t += kRest * kLanes) weigh_at(t, std::integral_constant<int, kRest>(), false);
#pragma GCC unroll 16
    for (int i = 0; i < kVectors; ++i) sum.v[i] = lanes[i];
  };
  // With a finite maximum no difference is above 0 or NaN (scores that are not seen do not count).
  if (std::abs(maximum) < __builtin_inff()) {
    weigh_vectors([]<int N>(VF(&x)[N]) HWY_ATTR { Kv::exp_of_negative(x); });
  } else {
    weigh_vectors([]<int N>(VF(&x)[N]) HWY_ATTR {
      exp(x);
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) x[i] = Kv::round(x[i]);
    });
  }
  return sum.fold();
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
                           std::ptrdiff_t p_stride, AskAt ask) {
  const int dim = task.head_dim, rows = task.queries * task.group;
  // Queries before the block's first key do not see it.
  const int first = HWY_MAX(0, t / kKeyBlock * kKeyBlock - task.first_position) * task.group;
  const auto* k = reinterpret_cast<const typename Kv::Element*>(task.blocks[t / kKeyBlock]);
  const ScoreTile<Kv> tile{k + (t % kKeyBlock) * Kv::kLaneElements,
                           task.blocks[t / kKeyBlock] + padded_head_dim(dim) * kKeyBlock + t % kKeyBlock * 2,
                           dim,
                           q + first * dim,
                           task.scale,
                           p + first * p_stride + t,
                           p_stride,
                           ask};
  for_row_tiles<Kv::kHeight>(tile, rows - first);
  if (ask.distance == 0 || t % kKeyBlock != 0) return;
  ask_for(task.blocks[t / kKeyBlock] + ask.distance, dim * kKeyBlock * sizeof(typename Kv::Element),
          task.v_offset);
}

// Scores to weights, and their sums to denominators [rows].
template <typename Kv>
HWY_INLINE void weigh_rows(const AttentionTask& task, float* p, std::ptrdiff_t p_stride,
                           float* denominators) {
  const int padded = padded_keys(task.first_position + task.queries);
  for (int row = 0; row < task.queries * task.group; ++row) {
    const int seen = task.first_position + row / task.group + 1, begin = task.first_visible(seen - 1);
    const int block = begin / kKeyBlock * kKeyBlock;  // lanes of the sum count from a block's start
    float* scores = p + row * p_stride;
    finish_scores(task, begin, seen, scores);
    const float maximum = highest_score(scores + block, seen - block);
    denominators[row] = weigh<Kv>(scores + block, maximum, seen - block, padded - block, scores + block);
  }
}

}  // namespace
}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // ISOBATCH_SIMD_TARGET

#endif  // include toggle
