#include "model/layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace isobatch::model {
namespace {

// Queries of one segment that one call of the kernel takes: enough to share the loads of K and V, few enough
// that their scores stay in the L2 cache.
constexpr int kQueryTile = 8;
// Runs of such calls for each thread: few enough to be long, enough to balance.
constexpr int kPiecesOfThread = 8;

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

Operands prepare_operands(const Pass& pass, const float* x, int rows,
                          std::span<const Projection> projections) {
  const Execution& execution = pass.execution;
  const ProfileScope stage(execution.profile, Stage::quantize);
  Operands operands{x};
  const int depth = projections[0].linear->weights.depth;
  if (pass.rounding == kernels::Rounding::bf16) {
    float* rounded = Workspace::grow(execution.workspace.operands, static_cast<std::size_t>(rows) * depth);
    for_rows(execution, rows, 4, [&](int begin, int end) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(begin) * depth;
      execution.kernels.round_operands(x + at, static_cast<std::size_t>(end - begin) * depth, rounded + at);
    });
    operands.floats = rounded;
  }
  const auto any = [&](auto&& is) {
    return std::ranges::any_of(projections, [&](const Projection& p) { return is(p.linear->weights.type); });
  };
  if (any(is_quantized)) {
    const bool half_sums =
        any([](TensorType type) { return kernels::quant_layout(type).scaled < kernels::kBlock; });
    const kernels::QuantizedRows& quantized = execution.workspace.quantized.resize(rows, depth, half_sums);
    const auto quantize =
        execution.kernels.quantize_rows[static_cast<std::size_t>(execution.kernels.quant_form)];
    // Items are groups of a chunk of rows; what is less than the start of a parallel region is one item.
    constexpr int kChunk = 64, kFewValues = 4096;
    const int groups = rows * depth <= kFewValues ? 1 : quantized.groups();
    const int chunks = (rows + kChunk - 1) / kChunk;
    run_items(execution, groups * chunks, [&](int item, int /*thread*/) {
      const int group = item % groups, chunk = item / groups;
      kernels::QuantizedPart part = whole(quantized);
      part.row_begin = chunk * kChunk, part.row_end = std::min(part.row_begin + kChunk, rows);
      if (groups > 1) part.group_begin = group, part.group_end = group + 1;
      quantize(x, depth, part, quantized);
    });
    operands.quantized = &quantized;
  }
  return operands;
}

// The task's outputs, their bias added and the sum rounded.
void multiply(const Pass& pass, const kernels::MatmulTask& task, std::span<const float> bias,
              const Operands& x) {
  const kernels::KernelTable& kernels = pass.execution.kernels;
  const int depth = task.weights.depth;
  const auto type = static_cast<std::size_t>(task.weights.type);
  if (pass.rounding == kernels::Rounding::bf16) {
    kernels.matmul_b(task, x.floats, depth);
  } else if (is_quantized(task.weights.type)) {
    kernels.matmul_q[type](task, *x.quantized);
  } else {
    kernels.matmul_f[type](task, x.floats, depth);
  }
  const auto round = kernels.round_results[pass.rounding];
  if (bias.empty() && !round) return;
  const int begin = task.panel_begin * kernels::kPanel;
  const int end = std::min(task.panel_end * kernels::kPanel, task.weights.outputs);
  for (int r = 0; r < task.rows; ++r) {
    float* row = task.out + r * task.out_stride + begin;
    if (!bias.empty()) kernels.add[kernels::Rounding::none](row, bias.data() + begin, end - begin, row);
    if (round) round(row, end - begin, row);
  }
}

}  // namespace

void finish_operation(const Pass& pass, const char* operation, const float* results, std::ptrdiff_t n) {
  if (Observer* observer = pass.execution.observer) {
    observer->see(operation, pass.layer, results, pass.rows(), static_cast<int>(n));
  }
  if (pass.rounding != kernels::Rounding::f16 || pass.execution.overflows.empty()) return;
  for_rows(pass.execution, static_cast<int>(pass.step.logits_rows.size()), 8, [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      Overflow& overflow = pass.execution.overflows[i];
      const float* row = results + pass.step.logits_rows[i] * n;
      if (overflow.operation || std::all_of(row, row + n, [](float x) { return std::isfinite(x); })) continue;
      overflow = {operation, pass.layer};
    }
  });
}

void project(const Pass& pass, const float* x, int rows, std::span<const Projection> projections) {
  const Execution& execution = pass.execution;
  const Operands operands = prepare_operands(pass, x, rows, projections);
  // Items are ranges of panels over all matrices: small enough to balance; longer when there are few rows,
  // where weights come from memory and a kernel asks for the next panel while it works on one.
  int panels = 0;
  for (const Projection& p : projections) panels += p.linear->weights.panels();
  const int pieces = std::min(panels, (rows <= 8 ? 2 : 16) * execution.threads.size());
  run_items(execution, pieces, [&](int piece, int /*thread*/) {
    int begin = panels * static_cast<std::int64_t>(piece) / pieces;
    int end = panels * static_cast<std::int64_t>(piece + 1) / pieces;
    for (const Projection& p : projections) {
      const int own = p.linear->weights.panels();
      if (begin < own && begin < end) {
        multiply(pass,
                 {.weights = p.linear->weights,
                  .panel_begin = std::max(begin, 0),
                  .panel_end = std::min(end, own),
                  .rows = rows,
                  .out = p.out,
                  .out_stride = p.linear->weights.outputs},
                 p.linear->bias, operands);
      }
      begin = std::max(begin - own, 0);
      end -= own;
      if (end <= 0) break;
    }
  });
}

namespace {

void normalize_rows(const Pass& pass, const Norm& norm, const float* x, int rows, float* out) {
  const int n = static_cast<int>(norm.weight.size());
  const auto inside = norm.rounds_once ? kernels::Rounding::none : pass.rounding;
  pass.execution.kernels.rms_norm[inside](x, norm.weight.data(), 0.0f, norm.eps, rows, n, out);
  if (const auto round = pass.execution.kernels.round_results[pass.rounding]; round && norm.rounds_once) {
    round(out, static_cast<std::size_t>(rows) * n, out);
  }
}

}  // namespace

void normalize(const Pass& pass, const Norm& norm, const float* x, int rows, float* out) {
  const ProfileScope stage(pass.execution.profile, Stage::norm);
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(norm.weight.size());
  for_rows(pass.execution, rows, 4, [&](int begin, int end) {
    normalize_rows(pass, norm, x + begin * n, end - begin, out + begin * n);
  });
}

void add_and_normalize(const Pass& pass, bool add, const Norm& norm) {
  const ProfileScope stage(pass.execution.profile, Stage::norm);
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(norm.weight.size());
  Workspace& w = pass.w();
  for_rows(pass.execution, pass.rows(), 4, [&](int begin, int end) {
    float* x = w.x.data() + begin * n;
    if (add)
      pass.execution.kernels.add[pass.rounding](x, w.projected.data() + begin * n, (end - begin) * n, x);
    normalize_rows(pass, norm, x, end - begin, w.normed.data() + begin * n);
  });
  finish_operation(pass, "residual add", w.x.data(), n);
  finish_operation(pass, "norm", w.normed.data(), n);
}

void normalize_output(const Pass& pass, const Norm& norm) {
  normalize(pass, norm, pass.w().projected.data(), pass.rows(), pass.w().projected.data());
  finish_operation(pass, "norm of the output", pass.w().projected.data(), std::ssize(norm.weight));
}

void normalize_heads(const Pass& pass, const Norm& q_norm, const Norm& k_norm) {
  Workspace& w = pass.w();
  normalize(pass, q_norm, w.q.data(), pass.rows() * pass.shape.heads, w.q.data());
  normalize(pass, k_norm, w.k.data(), pass.rows() * pass.shape.kv_heads, w.k.data());
  finish_operation(pass, "norm of q", w.q.data(), pass.shape.heads * pass.shape.head_dim);
  finish_operation(pass, "norm of k", w.k.data(), pass.shape.kv_heads * pass.shape.head_dim);
}

void project_qkv(const Pass& pass, const AttentionWeights& weights) {
  const ProfileScope stage(pass.execution.profile, Stage::qkv);
  Workspace& w = pass.w();
  const Projection qkv[] = {{&weights.q, w.q.data()}, {&weights.k, w.k.data()}, {&weights.v, w.v.data()}};
  project(pass, w.normed.data(), pass.rows(), qkv);
  finish_operation(pass, "q", w.q.data(), weights.q.weights.outputs);
  finish_operation(pass, "k", w.k.data(), weights.k.weights.outputs);
  finish_operation(pass, "v", w.v.data(), weights.v.weights.outputs);
}

void rotate(const Pass& pass, std::size_t rope) {
  const ProfileScope stage(pass.execution.profile, Stage::rope);
  const RopeTable& table = pass.w().rope[rope];
  const int head_dim = pass.shape.head_dim, dimensions = table.dimensions();
  const auto turn = pass.execution.kernels.rope[pass.rounding];
  for_rows(pass.execution, pass.rows(), 8, [&](int begin, int end) {
    for (const auto& [x, heads] : {std::pair{pass.w().q.data(), pass.shape.heads},
                                   std::pair{pass.w().k.data(), pass.shape.kv_heads}}) {
      const std::ptrdiff_t stride = heads * head_dim;
      // Heads lie one after the other only where all of their dimensions turn.
      const int together = dimensions == head_dim ? heads : 1;
      for (int head = 0; head < heads; head += together) {
        turn(x + begin * stride + head * head_dim, stride, table.cos(), table.sin(),
             &pass.step.positions[begin], end - begin, together, dimensions);
      }
    }
  });
  finish_operation(pass, "rope of q", pass.w().q.data(), pass.shape.heads * head_dim);
  finish_operation(pass, "rope of k", pass.w().k.data(), pass.shape.kv_heads * head_dim);
}

namespace {

void store_kv(const Pass& pass, int layer) {
  const auto& [step, kv, execution, rounding, shape, index] = pass;
  const float *k = pass.w().k.data(), *v = pass.w().v.data();
  const ProfileScope stage(execution.profile, Stage::store_kv);
  const auto store = execution.kernels.store_kv[static_cast<std::size_t>(kv.layout.dtype)];
  const std::size_t v_offset = kv.layout.half_block_bytes();
  for_rows(execution, static_cast<int>(step.tokens.size()), 4, [&](int begin, int end) {
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

}  // namespace

void attend(const Pass& pass, int layer, int window) {
  store_kv(pass, layer);
  const Execution& execution = pass.execution;
  const KvMemory& kv = pass.kv;
  const AttentionShape& shape = pass.shape;
  const float* q = pass.w().q.data();
  float* out = pass.w().attended.data();
  const ProfileScope stage(execution.profile, Stage::attention);
  // Items: (segment, tile of queries, KV head), counted out in order.
  struct Tile {
    const Segment* segment;
    int first_query;
    int queries;
  };
  std::vector<Tile> tiles;
  for (const Segment& segment : pass.step.segments) {
    for (int i = 0; i < segment.rows; i += kQueryTile) {
      tiles.push_back({&segment, i, std::min(kQueryTile, segment.rows - i)});
    }
  }
  const auto attention = execution.kernels.attention[static_cast<std::size_t>(kv.layout.dtype)];
  const auto round = execution.kernels.round_results[pass.rounding];
  const int group = shape.heads / shape.kv_heads;
  const int width = shape.heads * shape.head_dim;
  const auto make_task = [&](int item, KeyBlocks& blocks) {
    // The last tiles of a segment see the most keys: they go first, so that threads end together.
    const Tile& tile = tiles[tiles.size() - 1 - item / shape.kv_heads];
    const Segment& segment = *tile.segment;
    const int head = item % shape.kv_heads;
    kernels::AttentionTask task{.queries = tile.queries,
                                .group = group,
                                .head_dim = shape.head_dim,
                                .first_position = segment.first_position + tile.first_query,
                                .v_offset = kv.layout.half_block_bytes(),
                                .scale = shape.scale,
                                .window = window,
                                .soft_cap = shape.soft_cap};
    blocks.clear();
    for (int b = 0; b * kernels::kKeyBlock < task.first_position + task.queries; ++b)
      blocks.push_back(key_block(kv, segment, layer, head, b));
    task.blocks = blocks.data();
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(segment.first_row + tile.first_query) * width +
                              head * group * shape.head_dim;
    task.q = q + at;
    task.out = out + at;
    task.query_stride = width;
    return task;
  };
  // A thread takes items in a row, so that it knows what it will read next.
  const int items = static_cast<int>(tiles.size()) * shape.kv_heads;
  const int pieces = std::min(items, kPiecesOfThread * execution.threads.size());
  run_items(execution, pieces, [&](int piece, int thread) {
    const int begin = items * static_cast<std::int64_t>(piece) / pieces;
    const int end = items * static_cast<std::int64_t>(piece + 1) / pieces;
    auto& [blocks, next_blocks] = execution.workspace.key_blocks[thread];
    kernels::AttentionTask task = make_task(begin, blocks), next;
    for (int item = begin; item < end; ++item) {
      task.asked_for = item > begin;
      if (item + 1 < end) {
        next = make_task(item + 1, next_blocks);
        task.next = &next;
      }
      const std::size_t floats = kernels::attention_scratch_floats(task.queries, group, shape.head_dim,
                                                                   task.first_position + task.queries);
      task.scratch = Workspace::grow(execution.workspace.attention_scratch[thread], floats);
      attention(task);
      for (int i = 0; round && i < task.queries; ++i) {
        float* heads = task.out + static_cast<std::ptrdiff_t>(i) * width;
        round(heads, static_cast<std::size_t>(group) * shape.head_dim, heads);
      }
      task = next;
      std::swap(blocks, next_blocks);
    }
  });
  finish_operation(pass, "attention", out, width);
}

void project_output(const Pass& pass, const AttentionWeights& weights) {
  const ProfileScope stage(pass.execution.profile, Stage::o);
  const Projection o[] = {{&weights.o, pass.w().projected.data()}};
  project(pass, pass.w().attended.data(), pass.rows(), o);
  finish_operation(pass, "o", pass.w().projected.data(), weights.o.weights.outputs);
}

void feed_forward(const Pass& pass, const FeedForwardWeights& weights, Activation activation) {
  Workspace& w = pass.w();
  ProfileScope stage(pass.execution.profile, Stage::gate_up);
  const Projection gate_up[] = {{&weights.gate, w.gate.data()}, {&weights.up, w.up.data()}};
  project(pass, w.normed.data(), pass.rows(), gate_up);
  finish_operation(pass, "gate", w.gate.data(), weights.gate.weights.outputs);
  finish_operation(pass, "up", w.up.data(), weights.up.weights.outputs);

  stage.next(Stage::silu_mul);
  const kernels::KernelTable& kernels = pass.execution.kernels;
  const auto gate_mul =
      (activation == Activation::silu ? kernels.silu_mul : kernels.gelu_tanh_mul)[pass.rounding];
  const std::ptrdiff_t ffn = weights.gate.weights.outputs;
  for_rows(pass.execution, pass.rows(), 4, [&](int begin, int end) {
    float* gate = w.gate.data() + begin * ffn;
    gate_mul(gate, w.up.data() + begin * ffn, (end - begin) * ffn, gate);
  });
  finish_operation(pass, "activation of gate · up", w.gate.data(), ffn);

  stage.next(Stage::down);
  const Projection down[] = {{&weights.down, w.projected.data()}};
  project(pass, w.gate.data(), pass.rows(), down);
  finish_operation(pass, "down", w.projected.data(), weights.down.weights.outputs);
}

}  // namespace isobatch::model
