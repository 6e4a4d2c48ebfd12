#include "model/layers.h"

namespace isobatch::model {
namespace {

// Queries of one segment that one call of the kernel takes: enough to share the loads of K and V, few enough
// that their scores stay in the L2 cache.
constexpr int kQueryTile = 8;

std::byte* key_block(const KvMemory& kv, const Segment& segment, int layer, int kv_head, int block) {
  const int per_page = kv.layout.blocks_per_page();
  const std::size_t page = segment.pages[block / per_page];
  return kv.base + page * kv.layout.page_bytes() + kv.layout.block_offset(layer, kv_head, block % per_page);
}

// A projection's input in the forms that its matrices want.
struct Operands {
  const float* floats;  // [rows][depth]
  const kernels::QuantizedRows* quantized = nullptr;
};

Operands prepare_operands(const Execution& execution, kernels::Rounding rounding, const float* x, int rows,
                          std::span<const Projection> projections) {
  const ProfileScope stage(execution.profile, Stage::quantize);
  Operands operands{x};
  const int depth = projections[0].weights->depth;
  if (rounding == kernels::Rounding::bf16) {
    float* rounded = Workspace::grow(execution.workspace.operands, static_cast<std::size_t>(rows) * depth);
    for_rows(execution, rows, 4, [&](int begin, int end) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(begin) * depth;
      execution.kernels.round_operands(x + at, static_cast<std::size_t>(end - begin) * depth, rounded + at);
    });
    operands.floats = rounded;
  }
  if (std::any_of(projections.begin(), projections.end(),
                  [](const Projection& p) { return is_quantized(p.weights->type); })) {
    const kernels::QuantizedRows& quantized = execution.workspace.quantized.resize(rows, depth);
    const auto quantize =
        execution.kernels.quantize_rows[static_cast<std::size_t>(execution.kernels.quant_form)];
    for_rows(execution, rows, 4, [&](int begin, int end) { quantize(x, depth, begin, end, quantized); });
    operands.quantized = &quantized;
  }
  return operands;
}

void multiply(const Execution& execution, kernels::Rounding rounding, const kernels::MatmulTask& task,
              const Operands& x) {
  const int depth = task.weights.depth;
  const auto type = static_cast<std::size_t>(task.weights.type);
  if (rounding == kernels::Rounding::bf16) {
    execution.kernels.matmul_b(task, x.floats, depth);
    const int begin = task.panel_begin * kernels::kPanel;
    const int end = std::min(task.panel_end * kernels::kPanel, task.weights.outputs);
    for (int r = 0; r < task.rows; ++r) {
      float* row = task.out + r * task.out_stride + begin;
      execution.kernels.round_results(row, end - begin, row);
    }
  } else if (is_quantized(task.weights.type)) {
    execution.kernels.matmul_q[type](task, *x.quantized);
  } else {
    execution.kernels.matmul_f[type](task, x.floats, depth);
  }
}

}  // namespace

void project(const Execution& execution, kernels::Rounding rounding, const float* x, int rows,
             std::span<const Projection> projections) {
  const Operands operands = prepare_operands(execution, rounding, x, rows, projections);
  // Items are ranges of panels over all matrices: small enough to balance; longer when there are few rows,
  // where weights come from memory and a kernel asks for the next panel while it works on one.
  int panels = 0;
  for (const Projection& p : projections) panels += p.weights->panels();
  const int pieces = std::min(panels, (rows <= 8 ? 2 : 16) * execution.threads.size());
  run_items(execution, pieces, [&](int piece, int /*thread*/) {
    int begin = panels * static_cast<std::int64_t>(piece) / pieces;
    int end = panels * static_cast<std::int64_t>(piece + 1) / pieces;
    for (const Projection& p : projections) {
      const int own = p.weights->panels();
      if (begin < own && begin < end) {
        multiply(execution, rounding,
                 {.weights = *p.weights,
                  .panel_begin = std::max(begin, 0),
                  .panel_end = std::min(end, own),
                  .rows = rows,
                  .out = p.out,
                  .out_stride = p.weights->outputs},
                 operands);
      }
      begin = std::max(begin - own, 0);
      end -= own;
      if (end <= 0) break;
    }
  });
}

void store_kv(const Execution& execution, const Step& step, const KvMemory& kv, int layer,
              const AttentionShape& shape, const float* k, const float* v) {
  const ProfileScope stage(execution.profile, Stage::store_kv);
  const auto store = execution.kernels.store_kv[static_cast<std::size_t>(kv.layout.dtype)];
  const std::size_t v_offset = kv.layout.half_block_bytes();
  for_rows(execution, static_cast<int>(step.tokens.size()), 16, [&](int begin, int end) {
    auto segment = std::ranges::upper_bound(step.segments, begin, {}, &Segment::first_row) - 1;
    for (int row = begin; row < end; ++row) {
      while (row >= segment->first_row + segment->rows) ++segment;
      const int position = segment->first_position + row - segment->first_row;
      for (int head = 0; head < shape.kv_heads; ++head) {
        const std::size_t at = (static_cast<std::size_t>(row) * shape.kv_heads + head) * shape.head_dim;
        store(k + at, v + at, shape.head_dim, position % kernels::kKeyBlock,
              key_block(kv, *segment, layer, head, position / kernels::kKeyBlock), v_offset);
      }
    }
  });
}

void attend(const Execution& execution, kernels::Rounding rounding, const Step& step, const KvMemory& kv,
            int layer, const AttentionShape& shape, const float* q, float* out) {
  const ProfileScope stage(execution.profile, Stage::attention);
  // Items: (segment, tile of queries, KV head), counted out in order.
  struct Tile {
    const Segment* segment;
    int first_query;
    int queries;
  };
  std::vector<Tile> tiles;
  for (const Segment& segment : step.segments) {
    for (int i = 0; i < segment.rows; i += kQueryTile) {
      tiles.push_back({&segment, i, std::min(kQueryTile, segment.rows - i)});
    }
  }
  const auto attention = execution.kernels.attention[static_cast<std::size_t>(kv.layout.dtype)];
  const int group = shape.heads / shape.kv_heads;
  const int width = shape.heads * shape.head_dim;
  const int items = static_cast<int>(tiles.size()) * shape.kv_heads;
  run_items(execution, items, [&](int item, int thread) {
    // The last tiles of a segment see the most keys: they go first, so that threads end together.
    const Tile& tile = tiles[tiles.size() - 1 - item / shape.kv_heads];
    const Segment& segment = *tile.segment;
    const int head = item % shape.kv_heads;
    const int first_position = segment.first_position + tile.first_query;
    const int keys = first_position + tile.queries;
    auto& blocks = execution.workspace.key_blocks[thread];
    blocks.clear();
    for (int b = 0; b * kernels::kKeyBlock < keys; ++b)
      blocks.push_back(key_block(kv, segment, layer, head, b));
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(segment.first_row + tile.first_query) * width +
                              head * group * shape.head_dim;
    attention({.q = q + at,
               .out = out + at,
               .query_stride = width,
               .queries = tile.queries,
               .group = group,
               .head_dim = shape.head_dim,
               .first_position = first_position,
               .blocks = blocks.data(),
               .v_offset = kv.layout.half_block_bytes(),
               .scale = shape.scale,
               .scratch = Workspace::grow(
                   execution.workspace.attention_scratch[thread],
                   kernels::attention_scratch_floats(tile.queries, group, shape.head_dim, keys))});
    for (int i = 0; rounding == kernels::Rounding::bf16 && i < tile.queries; ++i) {
      float* heads = out + at + static_cast<std::ptrdiff_t>(i) * width;
      execution.kernels.round_results(heads, static_cast<std::size_t>(group) * shape.head_dim, heads);
    }
  });
}

}  // namespace isobatch::model
