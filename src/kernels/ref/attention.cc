// N-ATT-B, N-ATT-F and N-ATT-Q: causal attention of one KV head's query heads over paged keys, one (query,
// head) at a time.
//   s[t] = dot(q, k_t) · scale                t = first … position; then soft-capped, if it is
//   p[t] = exp(s[t] − max s)                  rounded to bf16 in N-ATT-B
//                                             N-ATT-Q: the scales of K and V take part as numerics.md has it
//   out  = (Σ p[t] · v_t) / (Σ p[t])          numerator by N-DOT over keys, denominator by N-SUM, blocks of
//   32
//                                             keys counted from position 0; one IEEE division
// first is 0, or position − window + 1 in a window. A key outside takes no part: it is never read.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/float16.h"
#include "kernels/ref/dot_b.h"
#include "kernels/ref/ref.h"
#include "numerics/exp.h"
#include "numerics/sum.h"

namespace isobatch::kernels::ref {
namespace {

struct Bf16Kv {
  static float round(float x) { return round_operand_bf16(x); }  // of q and p
  static float k(const std::byte* block, int /*head_dim*/, int t, int d) {
    return bf16_to_f32(reinterpret_cast<const std::uint16_t*>(block)[(d / 2 * kKeyBlock + t) * 2 + d % 2]);
  }
  static float v(const std::byte* block, int head_dim, int t, int d) {
    return bf16_to_f32(
        reinterpret_cast<const std::uint16_t*>(block)[(t / 2 * padded_head_dim(head_dim) + d) * 2 + t % 2]);
  }
  static float v_scale(const std::byte* /*block*/, int /*head_dim*/, int /*t*/, int /*d*/) { return 1.0f; }
  static float score(const std::byte* block, int head_dim, int t, const float* q) {
    return dot_b(
        head_dim, [&](int d) { return k(block, head_dim, t, d); }, [&](int d) { return q[d]; });
  }
  template <typename A, typename B>
  static float dot(int depth, A a, B b) {
    return dot_b(depth, a, b);
  }
};

// N-DOT-F with chunks of 32 terms, so that a chunk of keys is a block, and one of dimensions has one scale.
// The elements of q8_0 are integers; other types have scales of 1, which change nothing.
template <typename Element>
struct FloatKv {
  static float round(float x) { return x; }
  static float widen(float x) { return x; }
  static float widen(std::uint16_t x) { return f16_to_f32(x); }
  static float widen(std::int8_t x) { return static_cast<float>(x); }
  static float scale(const std::byte* half, int head_dim, int t, int d) {
    if (!std::is_same_v<Element, std::int8_t>) return 1.0f;
    const auto* scales = reinterpret_cast<const std::uint16_t*>(half + padded_head_dim(head_dim) * kKeyBlock);
    return f16_to_f32(scales[d / kKvScaled * kKeyBlock + t]);
  }
  static float k(const std::byte* block, int /*head_dim*/, int t, int d) {
    return widen(reinterpret_cast<const Element*>(block)[d * kKeyBlock + t]);
  }
  static float v(const std::byte* block, int head_dim, int t, int d) {
    return widen(reinterpret_cast<const Element*>(block)[t * padded_head_dim(head_dim) + d]);
  }
  static float v_scale(const std::byte* half, int head_dim, int t, int d) {
    return scale(half, head_dim, t, d);
  }
  static float score(const std::byte* block, int head_dim, int t, const float* q) {
    float total = 0.0f;
    for (int begin = 0; begin < head_dim; begin += kKvScaled) {
      float chunk = 0.0f;
      for (int d = begin; d < std::min(begin + kKvScaled, head_dim); ++d) {
        chunk = numerics::fma(k(block, head_dim, t, d), q[d], chunk);
      }
      total = numerics::fma(scale(block, head_dim, t, begin), chunk, total);
    }
    return total;
  }
  template <typename A, typename B>
  static float dot(int depth, A a, B b) {
    float total = 0.0f;
    for (int begin = 0; begin < depth; begin += kKeyBlock) {
      float chunk = 0.0f;
      for (int i = begin; i < std::min(begin + kKeyBlock, depth); ++i)
        chunk = numerics::fma(a(i), b(i), chunk);
      total = total + chunk;
    }
    return total;
  }
};

template <typename Kv>
void attend(const AttentionTask& task, const float* q, int position, float* out) {
  const int dim = task.head_dim, first = task.first_visible(position), keys = position + 1;
  float* p = task.scratch;
  float* q_rounded = p + keys;
  for (int d = 0; d < dim; ++d) q_rounded[d] = Kv::round(q[d]);

  float highest = -std::numeric_limits<float>::infinity();
  for (int t = first; t < keys; ++t) {
    const std::byte* block = task.blocks[t / kKeyBlock];
    p[t] = Kv::score(block, dim, t % kKeyBlock, q_rounded) * task.scale;
    if (task.soft_cap > 0.0f) p[t] = task.soft_cap * numerics::tanh(p[t] / task.soft_cap);
    highest = numerics::maximum(highest, p[t]);
  }
  const int first_block =
      first / kKeyBlock * kKeyBlock;  // lanes, chains and chunks count from a block's start
  for (int t = first_block; t < first; ++t) p[t] = 0.0f;
  for (int t = first; t < keys; ++t) p[t] = Kv::round(numerics::exp(p[t] - highest));
  const float denominator = numerics::sum(p + first_block, keys - first_block);
  for (int d = 0; d < dim; ++d) {
    const auto half = [&](int t) { return task.blocks[t / kKeyBlock] + task.v_offset; };
    const auto value = [&](int t) { return t < first ? 0.0f : Kv::v(half(t), dim, t % kKeyBlock, d); };
    const auto weight = [&](int t) {
      return t < first ? 0.0f : p[t] * Kv::v_scale(half(t), dim, t % kKeyBlock, d);
    };
    const float numerator = Kv::dot(
        keys - first_block, [&](int i) { return value(first_block + i); },
        [&](int i) { return weight(first_block + i); });
    out[d] = numerics::canonical(numerator / denominator);
  }
}

template <typename Kv>
void attention(const AttentionTask& task) {
  for (int i = 0; i < task.queries; ++i) {
    for (int g = 0; g < task.group; ++g) {
      const std::ptrdiff_t at = i * task.query_stride + g * task.head_dim;
      attend<Kv>(task, task.q + at, task.first_position + i, task.out + at);
    }
  }
}

}  // namespace

void attention_f32(const AttentionTask& task) { attention<FloatKv<float>>(task); }
void attention_f16(const AttentionTask& task) { attention<FloatKv<std::uint16_t>>(task); }
void attention_bf16(const AttentionTask& task) { attention<Bf16Kv>(task); }
void attention_q8_0(const AttentionTask& task) { attention<FloatKv<std::int8_t>>(task); }

}  // namespace isobatch::kernels::ref
