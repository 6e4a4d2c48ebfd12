#include "model/layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace isobatch::model {
namespace {

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
    constexpr int kChunk = 16, kFewValues = 4096;
    const int groups = rows * depth <= kFewValues || rows >= 2 * kChunk ? 1 : quantized.groups();
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
