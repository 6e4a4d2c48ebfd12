#include "model/project.h"

#include <algorithm>
#include <cstdint>

namespace isobatch::model {
namespace {

void make_all(const Pass& pass, const Input& input, int rows, int depth) {
  const ProfileScope stage(pass.execution.profile, input.stage);
  for_rows(pass.execution, rows, 4, [&](int begin, int end) { input.make({begin, end, 0, depth}); });
}

const float* round_operands(const Pass& pass, const Input& input, int rows, int depth) {
  const Execution& execution = pass.execution;
  const ProfileScope stage(execution.profile, input.stage);
  float* rounded = Workspace::grow(execution.workspace.operands, static_cast<std::size_t>(rows) * depth);
  for_rows(execution, rows, 4, [&](int begin, int end) {
    if (input.make) input.make({begin, end, 0, depth});
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(begin) * depth;
    execution.kernels.round_operands(input.x + at, static_cast<std::size_t>(end - begin) * depth,
                                     rounded + at);
  });
  return rounded;
}

constexpr int kChunk = 16;  // rows whose sums share a cache line

void quantize(const Pass& pass, const Input& input, int rows, const kernels::QuantizedRows& out) {
  constexpr int kRowsInCache = 4;    // between being made and being quantized
  constexpr int kFewValues = 16384;  // take one thread no longer than several to begin
  const Execution& execution = pass.execution;
  const int depth = out.depth, chunks = (rows + kChunk - 1) / kChunk;
  const bool by_rows =
      chunks >= execution.threads.size() || static_cast<std::int64_t>(rows) * depth <= kFewValues;
  const int groups = by_rows ? 1 : out.groups();  // that make items of their own
  bool make = static_cast<bool>(input.make);
  if (make && !by_rows && input.in_whole_rows) {
    make_all(pass, input, rows, depth);
    make = false;
  }
  const ProfileScope stage(execution.profile, make ? input.stage : Stage::quantize);
  const kernels::KernelTable& kernels = execution.kernels;
  const auto kernel = kernels.quantize_rows[static_cast<std::size_t>(out.form)];
  const int step = make && by_rows ? kRowsInCache : kChunk;
  run_items(execution, groups * chunks, by_rows ? row_ranges(execution, rows) : 1,
            [&](int item, int /*thread*/) {
              const int begin = item / groups * kChunk, end = std::min(begin + kChunk, rows);
              for (int row = begin; row < end; row += step) {
                kernels::QuantizedPart part{row, std::min(row + step, end), 0, out.groups()};
                if (groups > 1) part.group_begin = item % groups, part.group_end = part.group_begin + 1;
                if (make) {
                  input.make({part.row_begin, part.row_end, part.group_begin * kernels::kGroup,
                              std::min(part.group_end * kernels::kGroup, depth)});
                }
                kernel(input.x, depth, part, out);
              }
            });
}

// Items of a thread: many, to balance, where there is much to do in each; few with few rows, where weights
// come from memory and a kernel asks for the next panels while it works on some, but never for an item's
// first.
int pieces_of_thread(int rows) { return rows <= 8 ? 2 : rows <= 32 ? 4 : 16; }

// The task's outputs, their bias added and the sum rounded; row 0 is row first_row of x.
void run_task(const Pass& pass, const kernels::MatmulTask& task, std::span<const float> bias,
              const Operands& x, int first_row) {
  const kernels::KernelTable& kernels = pass.execution.kernels;
  const int depth = task.weights.depth;
  const auto type = static_cast<std::size_t>(task.weights.type);
  if (pass.rounding == kernels::Rounding::bf16) {
    kernels.matmul_b(task, x.floats + static_cast<std::ptrdiff_t>(first_row) * depth, depth);
  } else if (is_quantized(task.weights.type)) {
    const auto& products = pass.int8_activations ? kernels.matmul_q8 : kernels.matmul_q;
    products[type](task, x.quantized->from(first_row));
  } else {
    kernels.matmul_f[type](task, x.floats + static_cast<std::ptrdiff_t>(first_row) * depth, depth);
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

Operands prepare_operands(const Pass& pass, const Input& input, int rows,
                          std::span<const Projection> projections) {
  const auto any = [&](auto&& is) {
    return std::ranges::any_of(projections, [&](const Projection& p) { return is(p.linear->weights.type); });
  };
  const int depth = projections[0].linear->weights.depth;
  if (pass.rounding == kernels::Rounding::bf16) return {round_operands(pass, input, rows, depth)};
  if (any(is_quantized)) {
    const bool half_sums =
        any([](TensorType type) { return kernels::quant_layout(type).scaled < kernels::kBlock; });
    const kernels::QuantizedRows& quantized =
        pass.w().quantized.resize(rows, depth, half_sums, pass.quant_form(rows));
    quantize(pass, input, rows, quantized);
    return {input.x, &quantized};
  }
  if (input.make) make_all(pass, input, rows, depth);
  return {input.x};
}

void multiply(const Pass& pass, const Operands& x, int rows, std::span<const Projection> projections) {
  const Execution& execution = pass.execution;
  // Items are ranges of panels over all matrices, an even number of them, since some kernels take two at
  // once.
  constexpr int kTogether = 2;
  int panels = 0;
  for (const Projection& p : projections) panels += p.linear->weights.panels();
  const int units = (panels + kTogether - 1) / kTogether;
  const int ranges = row_ranges(execution, rows), chunks = (rows + kChunk - 1) / kChunk;
  const int pieces = std::min(units, pieces_of_thread(rows) * execution.threads.size() / ranges);
  run_items(execution, ranges * pieces, ranges, [&](int item, int /*thread*/) {
    const int range = item / pieces, piece = item % pieces;
    const int first_row = kChunk * ThreadPool::begin_of(range, ranges, chunks);
    const int end_row = std::min(rows, kChunk * ThreadPool::begin_of(range + 1, ranges, chunks));
    int begin = kTogether * ThreadPool::begin_of(piece, pieces, units);
    int end = kTogether * ThreadPool::begin_of(piece + 1, pieces, units);
    for (const Projection& p : projections) {
      const int own = p.linear->weights.panels();
      if (begin < own && begin < end) {
        run_task(pass,
                 {.weights = p.linear->weights,
                  .panel_begin = std::max(begin, 0),
                  .panel_end = std::min(end, own),
                  .rows = end_row - first_row,
                  .out = p.out + static_cast<std::ptrdiff_t>(first_row) * p.linear->weights.outputs,
                  .out_stride = p.linear->weights.outputs},
                 p.linear->bias, x, first_row);
      }
      begin = std::max(begin - own, 0);
      end -= own;
      if (end <= 0) break;
    }
  });
}

}  // namespace isobatch::model
