// Attention of all segments: cut into tasks, and where these are few and long, into parts of them.
#include <algorithm>
#include <utility>

#include "model/layers.h"

namespace isobatch::model {
namespace {

// Queries of one segment that one call of the kernel takes: enough to share the loads of K and V, few enough
// that their scores stay in the L2 cache.
constexpr int kQueryTile = 8;
// Runs of such calls for each thread: few enough to be long, enough to balance.
constexpr int kPiecesOfThread = 8;
// In parts a task takes two parallel regions more, as long as so many bytes of K and V; and since its scores
// and sums go from one core's cache to another's, its work takes longer by this factor (1.4 measured).
constexpr std::size_t kCostOfParts = 128 << 10;
constexpr double kSlowerInParts = 1.5;
constexpr int kBlocksInPart = 16;

std::byte* key_block(const KvMemory& kv, const Segment& segment, int layer, int kv_head, int block) {
  const int per_page = kv.layout.blocks_per_page();
  const std::size_t page = segment.pages[block / per_page];
  return kv.base + page * kv.layout.page_bytes() + kv.layout.block_offset(layer, kv_head, block % per_page);
}

// Whether a KV head's keys of this step are read by one task, which then stores them. Other segments never
// read them: pages are shared after the step that fills them.
bool is_one_tile(const Segment& segment) { return segment.rows <= kQueryTile; }

struct Range {
  int begin, end;
};

// K and V of some rows of the segment and some KV heads are rounded to the KV dtype and go to their pages.
void store_kv(const Pass& pass, int layer, const Segment& segment, Range rows, Range heads) {
  const kernels::KvLayout& layout = pass.kv.layout;
  const AttentionShape& shape = pass.shape;
  const float *k = pass.w().k.data(), *v = pass.w().v.data();
  const auto store = pass.execution.kernels.store_kv[static_cast<std::size_t>(layout.dtype)];
  for (int row = rows.begin; row < rows.end; ++row) {
    const int position = segment.first_position + row - segment.first_row;
    for (int head = heads.begin; head < heads.end; ++head) {
      const std::size_t at = (static_cast<std::size_t>(row) * shape.kv_heads + head) * shape.head_dim;
      store(k + at, v + at, shape.head_dim, position % kernels::kKeyBlock,
            key_block(pass.kv, segment, layer, head, position / kernels::kKeyBlock),
            layout.half_block_bytes());
    }
  }
}

// What tasks do not store themselves: the segments of several tiles, or all of them.
void store_before_tasks(const Pass& pass, int layer, bool all) {
  const std::span<const Segment> segments = pass.step.segments;
  if (!all && std::ranges::all_of(segments, is_one_tile)) return;
  const ProfileScope stage(pass.execution.profile, Stage::store_kv);
  for_rows(pass.execution, pass.rows(), 4, [&](int begin, int end) {
    auto segment = std::ranges::upper_bound(segments, begin, {}, &Segment::first_row) - 1;
    for (int row = begin; row < end; ++segment) {
      const int last = std::min(end, segment->first_row + segment->rows);
      if (all || !is_one_tile(*segment)) {
        store_kv(pass, layer, *segment, {row, last}, {0, pass.shape.kv_heads});
      }
      row = last;
    }
  });
}

// The tasks of a step: a KV head's share of some queries of a segment.
class Tasks {
 public:
  Tasks(const Pass& pass, int layer, int window) : pass_(pass), layer_(layer), window_(window) {
    for (const Segment& segment : pass.step.segments) {
      for (int i = 0; i < segment.rows; i += kQueryTile) {
        tiles_.push_back({&segment, i, std::min(kQueryTile, segment.rows - i)});
      }
    }
  }
  int count() const { return static_cast<int>(tiles_.size()) * pass_.shape.kv_heads; }

  // Before the task runs: its keys of this step, where no other task reads them. Their lines are among those
  // that attention reads next.
  void store(int item) const {
    const Segment& segment = *tile_of(item).segment;
    if (!is_one_tile(segment)) return;
    const int head = item % pass_.shape.kv_heads;
    store_kv(pass_, layer_, segment, {segment.first_row, segment.first_row + segment.rows}, {head, head + 1});
  }

  // Task `item` of count(), whose `blocks` are put there.
  kernels::AttentionTask make(int item, KeyBlocks& blocks) const {
    const Tile& tile = tile_of(item);
    const Segment& segment = *tile.segment;
    const AttentionShape& shape = pass_.shape;
    const int head = item % shape.kv_heads, group = shape.heads / shape.kv_heads;
    const int width = shape.heads * shape.head_dim;
    kernels::AttentionTask task{.queries = tile.queries,
                                .group = group,
                                .head_dim = shape.head_dim,
                                .first_position = segment.first_position + tile.first_query,
                                .v_offset = pass_.kv.layout.half_block_bytes(),
                                .scale = shape.scale,
                                .window = window_,
                                .soft_cap = shape.soft_cap};
    blocks.clear();
    for (int b = 0; b * kernels::kKeyBlock < task.first_position + task.queries; ++b)
      blocks.push_back(key_block(pass_.kv, segment, layer_, head, b));
    task.blocks = blocks.data();
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(segment.first_row + tile.first_query) * width +
                              head * group * shape.head_dim;
    task.q = pass_.w().q.data() + at;
    task.out = pass_.w().attended.data() + at;
    task.query_stride = width;
    return task;
  }

  // What rounding of results the dtype wants, of a task's.
  void round(const kernels::AttentionTask& task) const {
    const auto round = pass_.execution.kernels.round_results[pass_.rounding];
    for (int i = 0; round && i < task.queries; ++i) {
      float* heads = task.out + i * task.query_stride;
      round(heads, static_cast<std::size_t>(task.group) * task.head_dim, heads);
    }
  }

  // Whether threads that take whole tasks would wait for each other for longer than parts cost.
  bool are_worth_parts() const {
    const int threads = pass_.execution.threads.size(), items = count();
    if (threads == 1 || items >= kPiecesOfThread * threads) return false;
    std::vector<std::size_t> busy(threads);  // bytes that each thread reads
    std::size_t total = 0;
    for (int item = 0; item < items; ++item) {
      const std::size_t bytes = blocks_read(tile_of(item)) * pass_.kv.layout.block_bytes();
      *std::ranges::min_element(busy) += bytes;
      total += bytes;
    }
    const double in_parts = kSlowerInParts * static_cast<double>(total) / threads + kCostOfParts;
    return static_cast<double>(*std::ranges::max_element(busy)) > in_parts;
  }

 private:
  struct Tile {
    const Segment* segment;
    int first_query;
    int queries;
  };
  // The last tiles of a segment see the most keys: they go first, so that threads end together.
  const Tile& tile_of(int item) const { return tiles_[tiles_.size() - 1 - item / pass_.shape.kv_heads]; }
  std::size_t blocks_read(const Tile& tile) const {
    const int first = tile.segment->first_position + tile.first_query, end = first + tile.queries;
    const int begin = kernels::AttentionTask{.window = window_}.first_visible(first) / kernels::kKeyBlock;
    return (end + kernels::kKeyBlock - 1) / kernels::kKeyBlock - begin;
  }

  const Pass& pass_;
  int layer_, window_;
  std::vector<Tile> tiles_;
};

void attend_whole(const Pass& pass, const Tasks& tasks) {
  const Execution& execution = pass.execution;
  const auto attention = execution.kernels.attention[static_cast<std::size_t>(pass.kv.layout.dtype)];
  // A thread takes items in a row, so that it knows what it will read next.
  const int items = tasks.count();
  const int pieces = std::min(items, kPiecesOfThread * execution.threads.size());
  run_items(execution, pieces, [&](int piece, int thread) {
    const int begin = items * static_cast<std::int64_t>(piece) / pieces;
    const int end = items * static_cast<std::int64_t>(piece + 1) / pieces;
    auto& [blocks, next_blocks] = execution.workspace.key_blocks[thread];
    kernels::AttentionTask task = tasks.make(begin, blocks), next;
    for (int item = begin; item < end; ++item) {
      task.asked_for = item > begin;
      if (item + 1 < end) {
        next = tasks.make(item + 1, next_blocks);
        task.next = &next;
      }
      const std::size_t floats = kernels::attention_scratch_floats(task.queries, task.group, task.head_dim,
                                                                   task.first_position + task.queries);
      task.scratch = Workspace::grow(execution.workspace.attention_scratch[thread], floats);
      tasks.store(item);
      attention(task);
      tasks.round(task);
      task = next;
      std::swap(blocks, next_blocks);
    }
  });
}

void attend_in_parts(const Pass& pass, const Tasks& tasks, const kernels::AttentionParts& kernel) {
  const Execution& execution = pass.execution;
  Workspace& w = pass.w();
  std::vector<KeyBlocks> blocks(tasks.count());
  std::vector<kernels::SplitAttention> splits(tasks.count());
  struct Part {
    int item, begin, end;  // blocks
  };
  std::vector<Part> parts;
  std::size_t scores = 0, sums = 0, scratch = 0;
  for (int item = 0; item < tasks.count(); ++item) {
    kernels::SplitAttention& split = splits[item];
    split.task = tasks.make(item, blocks[item]);
    for (int begin = split.first_block(); begin < split.blocks(); begin += kBlocksInPart) {
      parts.push_back({item, begin, std::min(begin + kBlocksInPart, split.blocks())});
    }
    scores += split.score_floats() + split.highest_floats();
    sums += split.sum_floats();
    scratch = std::max(scratch, kernels::attention_scratch_floats(split.task.queries, split.task.group,
                                                                  split.task.head_dim, 0));
  }
  float* at_scores = Workspace::grow(w.attention_scores, scores);
  float* at_sums = Workspace::grow(w.attention_sums, sums);
  for (kernels::SplitAttention& split : splits) {
    split.scores = at_scores;
    split.highest = split.scores + split.score_floats();
    split.sums = at_sums;
    at_scores = split.highest + split.highest_floats();
    at_sums += split.sum_floats();
  }
  const auto scratch_of = [&](int thread) { return Workspace::grow(w.attention_scratch[thread], scratch); };
  for (kernels::AttentionPart* run : {kernel.scores, kernel.values}) {
    run_items(execution, static_cast<int>(parts.size()), [&](int i, int thread) {
      run(splits[parts[i].item], parts[i].begin, parts[i].end, scratch_of(thread));
    });
  }
  run_items(execution, tasks.count(), [&](int item, int thread) {
    kernel.combine(splits[item], scratch_of(thread));
    tasks.round(splits[item].task);
  });
}

}  // namespace

void attend(const Pass& pass, int layer, int window) {
  const Tasks tasks(pass, layer, window);
  const auto& parts = pass.execution.kernels.attention_parts[static_cast<std::size_t>(pass.kv.layout.dtype)];
  const bool in_parts = parts.scores && tasks.are_worth_parts();
  store_before_tasks(pass, layer, in_parts);
  const ProfileScope stage(pass.execution.profile, Stage::attention);
  if (in_parts) {
    attend_in_parts(pass, tasks, parts);
  } else {
    attend_whole(pass, tasks);
  }
  finish_operation(pass, "attention", pass.w().attended.data(), pass.shape.heads * pass.shape.head_dim);
}

}  // namespace isobatch::model
