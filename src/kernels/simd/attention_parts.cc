// A task of attention with many keys in parts, for several threads: the bytes of the whole one.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/attention_parts.cc"
#include "hwy/foreach_target.h"  // must come first
#include "kernels/simd/attention_steps.h"

#if ISOBATCH_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace isobatch::kernels::HWY_NAMESPACE {
namespace {

// Of K (offset 0) or V of the blocks of this part.
HWY_INLINE AskAt ask_in_part(const AttentionTask& task, std::size_t offset, int block, int begin, int end) {
  const int ahead = halves_ahead(task);
  const auto half = [&](int b) { return b < end ? task.blocks[b] + offset : nullptr; };
  for (int b = 1; block == begin && b < ahead; ++b) ask_for(half(block + b), 0, task.v_offset);
  return ask_from(half(block), half(block + ahead));
}

template <typename Kv>
void score_part(const SplitAttention& split, int begin, int end, float* scratch) {
  const AttentionTask& task = split.task;
  const std::ptrdiff_t padded = split.padded_keys();
  round_queries<Kv>(task, scratch);
  for (int block = begin; block < end; ++block) {
    const AskAt ask = ask_in_part(task, 0, block, begin, end);
    for (int t = block * kKeyBlock; t < (block + 1) * kKeyBlock; t += kTileWidth) {
      score_keys<Kv>(task, t, scratch, split.scores, padded, ask);
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
    const AskAt ask = ask_in_part(task, task.v_offset, block, begin, end);
    float* sums = split.sums + block * block_sums;
    std::memset(sums, 0, sizeof(float) * block_sums);
    sum_block<Kv>(task, block * kKeyBlock, split.scores, padded, sums, scratch, ask);
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

void use_attention_parts(KernelTable& table) {
  table.attention_parts[static_cast<int>(KvDType::f32)] = parts_of<FloatKv<float>>();
  table.attention_parts[static_cast<int>(KvDType::f16)] = parts_of<FloatKv<std::uint16_t>>();
  table.attention_parts[static_cast<int>(KvDType::bf16)] = parts_of<Bf16Kv>();
  table.attention_parts[static_cast<int>(KvDType::q8_0)] = parts_of<FloatKv<std::int8_t>>();
}

}  // namespace isobatch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
